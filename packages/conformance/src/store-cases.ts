/** What any `Store` must do. */

import type { Mutation } from 'synevi'
import { check, checkBytes, checkRejects, type ConformanceCase } from './conformance-case.ts'
import { SeededNumbers } from './seeded-numbers.ts'
import type { MakeStore } from './store-fixture.ts'
import {
  bytes,
  key,
  nextTurn,
  numbered,
  put,
  randomBatch,
  randomKey,
  randomRange,
  range,
  remove,
  storeCase,
} from './store-trial.ts'

/** Every claim of the `Store` contract that can be tried from outside. */
export const storeCases: readonly ConformanceCase<MakeStore>[] = [
  storeCase('an empty store has nothing', async ({ store, model }) => {
    checkBytes(store.get(bytes(1)), undefined, 'get of an absent key')
    model.checkAll(store)
    model.checkScan(store, { from: bytes(0), until: bytes(255) })
  }),
  storeCase('values come back byte for byte', async ({ store, write, model }) => {
    const everyByte = Uint8Array.from({ length: 256 }, (_, index) => index)
    await write([put(bytes(1), bytes()), put(bytes(2), everyByte), put(everyByte, bytes(0))])
    await write([put(bytes(0), bytes(0, 0, 0)), put(new Uint8Array(1024).fill(255), bytes(7))])
    model.checkAll(store)
  }),
  storeCase(
    'keys are ordered as unsigned bytes, a prefix first',
    async ({ store, write, model }) => {
      const keys = [
        [255],
        [0],
        [128],
        [127],
        [0, 0],
        [127, 255],
        [128, 0],
        [255, 255],
        [0, 255],
        [1],
        [255, 0],
      ]
      await write(keys.map((key) => put(bytes(...key), bytes(key.length))))
      model.checkAll(store)
    },
  ),
  storeCase('a range includes its start and excludes its end', async ({ store, write, model }) => {
    await write([10, 20, 30, 40].map((key) => put(bytes(key), bytes(key))))
    for (const from of [undefined, 5, 10, 15, 20, 40, 45]) {
      for (const until of [undefined, 5, 10, 15, 20, 40, 45]) {
        for (const reverse of [false, true]) model.checkScan(store, range(from, until, { reverse }))
      }
    }
  }),
  storeCase('a range that ends before it starts is empty', async ({ store, write }) => {
    await write([10, 20, 30].map((key) => put(bytes(key), bytes(key))))
    for (const [from, until] of [
      [30, 10],
      [20, 20],
      [21, 20],
      [255, 0],
    ] as const) {
      for (const reverse of [false, true]) {
        const found = [...store.scan(range(from, until, { reverse }))]
        check(found.length === 0, `a scan from ${from} until ${until} gives ${found.length} pairs`)
      }
    }
  }),
  storeCase('a reverse scan gives the same pairs, last first', async ({ store, write, model }) => {
    await write(numbered(500))
    model.checkScan(store, { reverse: true })
    model.checkScan(store, { from: key(100), until: key(400), reverse: true })
    model.checkScan(store, { from: key(100), reverse: true })
    model.checkScan(store, { until: key(400), reverse: true })
  }),
  storeCase(
    'a limit counts from the end where the scan begins',
    async ({ store, write, model }) => {
      await write(numbered(100))
      for (const limit of [0, 1, 2, 7, 8, 9, 99, 100, 101, 1000]) {
        for (const reverse of [false, true]) {
          model.checkScan(store, { limit, reverse })
          model.checkScan(store, { from: key(10), until: key(20), limit, reverse })
        }
      }
    },
  ),
  storeCase('prefixes end where their last byte turns over', async ({ store, write, model }) => {
    const tails = [[], [0], [0, 0], [1], [254], [255], [255, 0], [255, 255], [255, 255, 255]]
    await write(
      [4, 5, 6, 255].flatMap((first) =>
        tails.map((tail) => put(bytes(first, ...tail), bytes(first))),
      ),
    )
    await write([put(bytes(0), bytes(0)), put(bytes(0, 0), bytes(1))])
    for (const reverse of [false, true]) {
      model.checkScan(store, { from: bytes(5), until: bytes(6), reverse })
      model.checkScan(store, { from: bytes(5, 255), until: bytes(6), reverse })
      model.checkScan(store, { from: bytes(5, 255, 255), until: bytes(6), reverse })
      model.checkScan(store, { from: bytes(255), reverse })
      model.checkScan(store, { until: bytes(0), reverse })
      model.checkScan(store, { until: bytes(0, 0), reverse })
      model.checkScan(store, { from: bytes(255, 255, 255), reverse })
      model.checkScan(store, { from: bytes(255, 255, 255, 255), reverse })
    }
  }),
  storeCase('later mutations of a key win', async ({ store, write, model }) => {
    await write([put(bytes(1), bytes(1)), put(bytes(2), bytes(1)), put(bytes(3), bytes(1))])
    await write([put(bytes(1), bytes(2)), put(bytes(1), bytes(3))])
    await write([put(bytes(2), bytes(2)), remove(bytes(2))])
    await write([remove(bytes(3)), put(bytes(3), bytes(9, 9))])
    await write([
      put(bytes(4), bytes(1)),
      remove(bytes(4)),
      put(bytes(4), bytes(2)),
      remove(bytes(4)),
    ])
    model.checkAll(store)
    checkBytes(store.get(bytes(4)), undefined, 'a key put and deleted in one write')
  }),
  storeCase(
    'deleting what is absent, and writing nothing, are harmless',
    async ({ store, write, model }) => {
      await write([])
      await write([remove(bytes(9))])
      await write([put(bytes(1), bytes(1)), remove(bytes(9))])
      await write([])
      model.checkAll(store)
    },
  ),
  storeCase(
    'views into larger buffers are read where they are',
    async ({ store, write, model }) => {
      const whole = Uint8Array.from({ length: 300 }, (_, index) => index % 251)
      await write(
        [0, 50, 90].map((at) =>
          put(whole.subarray(at, at + 10), whole.subarray(at + 100, at + 200)),
        ),
      )
      checkBytes(store.get(whole.subarray(50, 60)), whole.subarray(150, 250), 'get by a view')
      model.checkAll(store)
      model.checkScan(store, { from: whole.subarray(50, 60), until: whole.subarray(90, 100) })
    },
  ),
  storeCase(
    'a write is seen when it resolves, whole, and not before',
    async ({ store, write, model }) => {
      await write(numbered(200))
      const before = model.copy()
      const batch: Mutation[] = [
        ...numbered(400).map(({ key }) => put(key, bytes(1))),
        remove(key(5)),
      ]
      const resolved = { yet: false }
      const writing = store.write(batch).then(() => {
        resolved.yet = true
      })
      for (let turn = 0; !resolved.yet; turn++) {
        before.checkScan(store, turn % 2 === 0 ? {} : { reverse: true })
        checkBytes(store.get(key(5)), before.get(key(5)), 'a key whose deletion has not resolved')
        checkBytes(store.get(key(399)), undefined, 'a key whose write has not resolved')
        await nextTurn()
      }
      await writing
      model.apply(batch)
      model.checkAll(store)
    },
  ),
  storeCase(
    'a scan is consistent while it is iterated without awaiting',
    async ({ store, write, model }) => {
      await write(numbered(300))
      const batch = numbered(600).map(({ key }) => put(key, bytes(2)))
      const outer = store.scan({})[Symbol.iterator]()
      check(outer.next().done !== true, 'a scan of 300 keys gives nothing')
      const writing = store.write(batch)
      // Other reads in between must not disturb it.
      let count = 1
      for (let next = outer.next(); next.done !== true; next = outer.next()) {
        const [, inner] = next.value
        check(inner.length > 1, 'a scan shows a write that has not resolved')
        if (count % 50 === 0) model.checkScan(store, { from: key(20), until: key(200) })
        count++
      }
      check(count === 300, `a scan of 300 keys gives ${count}`)
      await writing
      model.apply(batch)
      model.checkAll(store)
    },
  ),
  storeCase('a scan may be left early, as often as one likes', async ({ store, write, model }) => {
    await write(numbered(100))
    for (let round = 0; round < 2000; round++) {
      for (const [found] of store.scan({ from: key(round % 100), reverse: round % 2 === 0 })) {
        check(found.length > 0, 'an empty key')
        break
      }
      if (round % 100 === 0) await write([put(key(round), bytes(round % 256))])
    }
    model.checkAll(store)
  }),
  storeCase('bytes handed out belong to the reader', async ({ store, write, model }) => {
    const large = new Uint8Array(100_000).fill(3)
    await write([...numbered(20), put(key(50), large), put(key(51), bytes(5))])
    const kept = [...store.scan({})]
    const copies = kept.map(([name, value]) => [name.slice(), value.slice()] as const)
    const got = [key(50), key(51), key(0)].map((name) => store.get(name))
    for (const value of got) value?.fill(255)
    model.checkAll(store)
    kept.forEach(([name, value], index) => {
      checkBytes(name, copies[index]?.[0], 'a key kept from a scan')
      checkBytes(value, copies[index]?.[1], 'a value kept from a scan')
    })
    for (const [name, value] of kept) {
      name.fill(254)
      value.fill(254)
    }
    model.checkAll(store)
    await write([put(key(60), bytes(1))])
    for (const value of got)
      check(value?.every((byte) => byte === 255) === true, 'bytes handed out changed later')
    model.checkAll(store)
  }),
  storeCase('bytes handed in are not changed', async ({ store }) => {
    const batch = [
      put(key(1), new Uint8Array(5000).fill(7)),
      put(key(2), bytes(1, 2, 3)),
      remove(key(3)),
    ]
    const copies = batch.map(({ key, value }) => [key.slice(), value?.slice()] as const)
    await store.write(batch)
    for (const found of store.scan({})) found[1].fill(0)
    batch.forEach(({ key, value }, index) => {
      checkBytes(key, copies[index]?.[0], 'a key handed in')
      checkBytes(value, copies[index]?.[1], 'a value handed in')
    })
  }),
  storeCase('a value of 8 MiB is like any other', async ({ store, write, model }) => {
    const big = Uint8Array.from({ length: 8 * 2 ** 20 }, (_, index) => (index * 31) % 251)
    await write([put(key(1), bytes(1)), put(key(2), big), put(key(3), bytes(3))])
    model.checkAll(store)
    await write([put(key(2), big.subarray(0, 2 ** 20)), put(key(4), big)])
    model.checkAll(store)
    await write([remove(key(2)), put(key(4), bytes(4))])
    model.checkAll(store)
  }),
  storeCase('a write of 5,000 keys is one write', async ({ store, write, model }) => {
    await write(numbered(5000))
    await write(
      numbered(5000).map(({ key }, index) =>
        index % 3 === 0 ? remove(key) : put(key, bytes(index % 256)),
      ),
    )
    model.checkScan(store, {})
    model.checkScan(store, { reverse: true, from: key(1234), limit: 700 })
  }),
  ...[1, 2, 3].map((seed) =>
    storeCase(
      `random writes and ranges match a sorted array (seed ${seed})`,
      async ({ store, write, model }) => {
        const numbers = new SeededNumbers(seed)
        for (let round = 0; round < 150; round++) {
          await write(randomBatch(numbers))
          for (let scan = 0; scan < 4; scan++) model.checkScan(store, randomRange(numbers))
          const name = randomKey(numbers)
          checkBytes(store.get(name), model.get(name), 'get')
        }
        model.checkAll(store)
      },
    ),
  ),
  storeCase(
    'a key of no bytes, or of 1,025, is refused and changes nothing',
    async ({ store, write, model }) => {
      await write([put(bytes(1), bytes(1))])
      for (const name of [bytes(), new Uint8Array(1025).fill(1)]) {
        await checkRejects(
          store.write([put(bytes(2), bytes(2)), put(name, bytes(1))]),
          undefined,
          'such a write',
        )
        model.checkAll(store)
      }
    },
  ),
  storeCase(
    'closing waits for the write under way, and again is harmless',
    async ({ store, reopened }) => {
      let written = false
      const writing = store.write(numbered(1000)).then(() => {
        written = true
      })
      await Promise.all([store.close(), store.close()])
      check(written, 'close resolved before the write under way did')
      await writing
      await store.close()
      const again = await reopened()
      if (again !== undefined)
        check([...again.scan({})].length === 1000, 'the write under way at close is not there')
    },
  ),
  storeCase('after closing, a write is refused', async ({ store, write, reopened }) => {
    await write([put(bytes(1), bytes(1))])
    await store.close()
    const again = await reopened()
    if (again === store) return
    await checkRejects(
      store.write([put(bytes(2), bytes(2))]),
      ['CLOSED', 'STORE_FAILED'],
      'a write after close',
    )
    await again?.close()
  }),
  storeCase('opened again, all is there', async ({ store, write, model, reopened }) => {
    await write(numbered(300))
    await write([
      put(key(0), new Uint8Array(2 ** 20).fill(9)),
      remove(key(7)),
      put(bytes(255, 255), bytes()),
    ])
    await store.close()
    const again = await reopened()
    if (again === undefined) return
    model.checkAll(again)
    await again.write([put(key(7), bytes(1))])
    model.apply([put(key(7), bytes(1))])
    model.checkAll(again)
  }),
  storeCase('a view shows one moment, whatever is written', async ({ store, write, model }) => {
    if (store.view === undefined) return
    await write(numbered(300))
    const before = model.copy()
    const view = store.view()
    const other = store.view()
    const seen = view.scan({})[Symbol.iterator]()
    for (let round = 0; round < 5; round++) {
      await write(numbered(600).map(({ key }) => put(key, bytes(round))))
      await write(numbered(50 * round).map(({ key }) => remove(key)))
      await write([put(bytes(0), bytes(9)), put(bytes(255, 255), bytes(round))])
      before.checkAll(view)
      before.checkScan(view, { from: key(20), until: key(350), reverse: true, limit: 70 })
      // A scan goes on across writes.
      for (let i = 0; i < 50; i++) check(seen.next().done !== true, 'a scan of a view ends early')
    }
    model.checkAll(store)
    view.close()
    view.close()
    before.checkAll(other)
    other.close()
    model.checkAll(store)
    await write(numbered(10))
  }),
  storeCase('a closed view reads nothing', async ({ store, write, reopened }) => {
    if (store.view === undefined) return
    await write(numbered(20))
    const closed = store.view()
    closed.close()
    const left = store.view()
    await store.close()
    for (const view of [closed, left]) {
      for (const read of [() => view.get(key(1)), () => [...view.scan({})]]) {
        let isRefused = false
        try {
          read()
        } catch {
          isRefused = true
        }
        check(isRefused, 'a closed view still reads')
      }
      view.close()
    }
    await (await reopened())?.close()
  }),
  storeCase('it says how large it is, and that there is room', async ({ store, write }) => {
    check(store.hasRoom?.() ?? true, 'a new store says it has no room')
    await write(numbered(1000))
    const size = store.sizeBytes?.()
    check(
      size === undefined || (Number.isSafeInteger(size) && size >= 4000),
      `1,000 keys take ${size} bytes`,
    )
  }),
]
