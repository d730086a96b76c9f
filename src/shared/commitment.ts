/**
 * What stands in a recorded text in place of a value: `‹63f5b92e33c3›`, and a few words where it is more than one value. A text
 * from elsewhere may hold the same signs: there they are spelled out the same way, `‹U+2039›`, so that nobody can forge one.
 */
export const commitmentMark = (commitment: string): string => `‹${commitment}›`

/** A text from elsewhere, before it is put on record. */
export const escapeMarks = (text: string): string =>
  text.replace(/[\u2039\u203a]/g, (sign) => (sign === '\u2039' ? '‹U+2039›' : '‹U+203A›'))

/** What stands on record in place of something else. */
export const MARK = /‹[^‹›]*›/g
