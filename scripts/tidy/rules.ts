/** Every rule, in the order in which it is checked and counted. */

import { commentedOutCode, exportComments, fileHeader, todoGrammar } from './comments.ts'
import { corePurity } from './core-purity.ts'
import {
  brokenLinks,
  decisionRecords,
  documentedErrors,
  namedPaths,
  oneTitle,
} from './documents.ts'
import type { Rule } from './finding.ts'
import { coreFloors, packageFloors } from './floors.ts'
import { focusedTests } from './focus.ts'
import { hiddenState, importCycles, importStyle, namedExports } from './imports.ts'
import { manifests, packageReadmes } from './manifests.ts'
import { documentedMessages, encodedMessages } from './messages.ts'
import { namedDocuments } from './named-documents.ts'
import { drawerNames, emptyWords, fileNames } from './names.ts'
import { fileLength, lineWidth } from './length.ts'
import { forbiddenWords } from './words.ts'

/** One check each. A rule that is not here is a wish. */
export const RULES: readonly Rule[] = [
  packageFloors,
  coreFloors,
  importCycles,
  importStyle,
  namedExports,
  hiddenState,
  corePurity,
  drawerNames,
  fileNames,
  emptyWords,
  fileLength,
  lineWidth,
  todoGrammar,
  commentedOutCode,
  fileHeader,
  exportComments,
  focusedTests,
  manifests,
  packageReadmes,
  documentedErrors,
  decisionRecords,
  oneTitle,
  brokenLinks,
  namedPaths,
  namedDocuments,
  encodedMessages,
  documentedMessages,
  forbiddenWords,
]
