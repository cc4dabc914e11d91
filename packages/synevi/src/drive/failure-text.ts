/**
 * What an executor's exception says, as the outcome that all nodes record: its message and nothing
 * else.
 */

/** Of the text, in UTF-8. */
export const FAILURE_TEXT_BYTES_MAX = 1024

/**
 * The message of an error, or the text of whatever else was thrown; at most 1,024 bytes of
 * well-formed UTF-8, cut between characters. Never a stack, a path or a class, which differ between
 * builds. Messages that differ between nodes are a divergence. Never throws.
 */
export function failureText(thrown: unknown): string {
  const text = textOf(thrown)
  if (text.length <= FAILURE_TEXT_BYTES_MAX / 3) return wellFormed(text)
  const bytes = Buffer.from(text.slice(0, FAILURE_TEXT_BYTES_MAX + 1), 'utf8')
  if (bytes.length <= FAILURE_TEXT_BYTES_MAX) return bytes.toString('utf8')
  let end = FAILURE_TEXT_BYTES_MAX
  // Back to the first byte of a character.
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return bytes.subarray(0, end).toString('utf8')
}

function textOf(thrown: unknown): string {
  try {
    const said: unknown = thrown instanceof Error ? thrown.message : thrown
    return String(said)
  } catch {
    return 'an exception without a text'
  }
}

/** A lone surrogate becomes U+FFFD, as in UTF-8. */
function wellFormed(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8')
}
