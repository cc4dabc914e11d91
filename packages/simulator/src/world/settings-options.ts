/** The options of a node that a plan draws as its settings. */

import type { NodeOptions } from 'synevi'
import type { SettingsPlan } from '../fault/plan.ts'

/** As a node takes them. */
export function optionsOf(
  settings: SettingsPlan,
): Pick<NodeOptions, 'limits' | 'batch' | 'timeouts' | 'reorder' | 'retain'> {
  return {
    limits: {
      transactionsInFlightMax: settings.transactionsInFlightMax,
      queuedMax: settings.queuedMax,
      ...(settings.snapshotLeadMin === undefined
        ? {}
        : { snapshotLeadMin: settings.snapshotLeadMin }),
      ...(settings.snapshotTail === undefined ? {} : { snapshotTail: settings.snapshotTail }),
      floorRecords: settings.floorRecords,
    },
    batch: {
      requestsMax: settings.requestsMax,
      undecidedMax: settings.undecidedMax,
      lingerMs: settings.lingerMs,
    },
    timeouts: {
      transactionMs: settings.transactionMs,
      recoverAfterMs: settings.recoverAfterMs,
      heartbeatMs: settings.heartbeatMs,
      patienceMaxMs: settings.patienceMaxMs,
      reorderWaitMaxMs: settings.reorderWaitMaxMs,
      floorIntervalMs: settings.floorIntervalMs,
      closeLagMs: settings.closeLagMs,
      promoteAfterMs: settings.promoteAfterMs ?? 200,
    },
    reorder: settings.reorder,
    ...(settings.retain === undefined ? {} : { retain: settings.retain }),
  }
}
