/**
 * `npm run bench -- wan`: a member in each of some regions, commits with one and with all of them
 * busy, the reorder buffer off and on (`protocol.md`, section 11), beside the ideal of one round
 * trip to the fast quorum. The last line is the verdict; exits non-zero when too little was
 * measured.
 */

import { machineOf, momentIn } from '../machine.ts'
import { inWorkFolder } from '../work-folder.ts'
import { idealMs, readRegions, type Regions } from './regions.ts'
import { WanCluster } from './wan-cluster.ts'
import { parseWanOptions, WAN_USAGE, type BufferMode, type WanOptions } from './wan-options.ts'
import { COMMITS_MIN, meanRatio, wanHead, wanLine, wanText, type WanLine } from './wan-table.ts'

/** The exit code. */
export async function runWan(args: readonly string[]): Promise<number> {
  let parsed: { options: WanOptions; regions: Regions } | undefined
  try {
    const options = parseWanOptions(args)
    if (options !== undefined) parsed = { options, regions: readRegions(options.table) }
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${WAN_USAGE}`)
    return 2
  }
  if (parsed === undefined) {
    console.log(WAN_USAGE)
    return 0
  }
  const { options, regions } = parsed
  return inWorkFolder(options.folder, async (folder) => {
    printHead(options, regions, folder)
    const lines: WanLine[] = []
    for (const buffer of options.buffers) {
      lines.push(...(await measure({ options, regions, folder, buffer })))
    }
    return verdict(lines, options, regions)
  })
}

function printHead(options: WanOptions, regions: Regions, folder: string): void {
  const { processor, processors, memoryGiB, system, node, commit } = machineOf(folder)
  console.log(`machine: ${processors} × ${processor}, ${memoryGiB} GiB, ${system}, node ${node}`)
  console.log(`commit: ${commit}; load ${momentIn(folder).load.toFixed(1)}`)
  console.log(`round trips: ${regions.source}`)
  for (const [at, name] of regions.names.entries()) {
    const row = regions.roundTripsMs[at] ?? []
    console.log(`  ${name.padEnd(16)} ${row.map((ms) => `${ms}`.padStart(4)).join(' ')} ms`)
  }
  const { clients, seconds, warmUpSeconds, bytes, store, jitterMs, patienceMaxMs } = options
  console.log(
    `${clients} clients at each busy member, puts of ${bytes} B, store ${store}, each way ` +
      `± ${jitterMs} ms, patience ${patienceMaxMs} ms, buffer up to ${options.reorderWaitMaxMs} ` +
      `ms; ${seconds} s after ${warmUpSeconds} s of warm-up`,
  )
  console.log(
    'busy 1: each region in turn alone; fast: decided in one round trip, of what it decided',
  )
  console.log(wanHead())
}

async function measure(parts: {
  readonly options: WanOptions
  readonly regions: Regions
  readonly folder: string
  readonly buffer: BufferMode
}): Promise<readonly WanLine[]> {
  const { regions, buffer } = parts
  const all = regions.names.map((_, serial) => serial)
  const cluster = await WanCluster.start(parts)
  const lines: WanLine[] = []
  try {
    for (const busy of [...all.map((serial) => [serial]), all]) {
      const tallies = await cluster.measure(busy)
      for (const serial of busy) {
        const tally = tallies[serial]
        const region = regions.names[serial]
        if (tally === undefined || region === undefined) continue
        const ideal = idealMs(regions, serial)
        const line = wanLine({ region, busy: busy.length, buffer, idealMs: ideal }, tally)
        lines.push(line)
        console.log(wanText(line))
        if (tally.firstError !== undefined) console.log(`    ${tally.firstError}`)
      }
    }
  } finally {
    await cluster.close()
  }
  return lines
}

function verdict(lines: readonly WanLine[], options: WanOptions, regions: Regions): number {
  const thin = lines.filter(({ commits }) => commits < COMMITS_MIN)
  const figures = [1, regions.names.length].flatMap((busy) =>
    options.buffers.flatMap((buffer) => {
      const ratio = meanRatio(lines, { busy, buffer })
      const setting = `${busy} busy, buffer ${buffer}`
      return ratio === undefined ? [] : [`${setting}: ×${ratio.toFixed(2)}`]
    }),
  )
  const word = thin.length === 0 && lines.length > 0 ? 'ok' : `INVALID: ${thin.length} thin lines`
  console.log(`wan: ${word}: p50 beside the ideal, mean of regions: ${figures.join('; ')}`)
  return word === 'ok' ? 0 : 1
}
