/** What someone who has a store gives to the store cases. */

import type { Store } from 'synevi'

/** A store to try, and what can be done with its data. */
export interface StoreFixture {
  /** New and empty. */
  readonly store: Store
  /**
   * Opens the data again after `close`. Absent for a store that keeps nothing. A store that lives
   * on after `close`, as `MemoryStore` does, gives itself.
   */
  reopen?(): Promise<Store>
  /** Called at the end, whatever happened; the store may still be open. */
  dispose(): Promise<void>
}

/** Makes a new, empty store for each case. */
export type MakeStore = () => Promise<StoreFixture>
