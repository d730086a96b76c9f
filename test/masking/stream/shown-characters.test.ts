import { beforeEach, describe, expect, it } from 'vitest'
import { applyEdits, type Edit } from '../../../src/masking/stream/edits.ts'
import { HeldBytes } from '../../../src/masking/stream/held-bytes.ts'
import { ShownCharacters } from '../../../src/masking/stream/shown-characters.ts'

/** `ab`, and a sequence that shows `b` four more times (REP, ECMA-48, section 8.3.103). */
const TEXT = 'ab\x1b[4b'
const REPEATED = 2

let held: HeldBytes
let characters: ShownCharacters
beforeEach(() => {
  held = new HeldBytes()
  held.append(Buffer.from(TEXT))
  characters = new ShownCharacters(held)
  characters.addAll(0, 2)
  characters.addRepeated(0x62, 4, TEXT.length - 1, TEXT.length)
})

/** What is written where all of these characters are hidden. */
function hidden(of: ShownCharacters): string {
  const edits: Edit[] = []
  of.hide(0, of.length, undefined, { keepWidth: true, inOnePiece: false }, edits)
  return applyEdits(held.bytes.subarray(0, held.length), edits).toString()
}

describe('characters that a sequence repeats', () => {
  const CANCELLED = '\x1b[4\x18****'

  it('are hidden by cancelling it, which would show them again', () => {
    expect(characters.text()).toBe('abbbbb')
    expect(hidden(characters)).toBe(`**${CANCELLED}`)
  })

  it('are so in a copy', () => {
    expect(hidden(characters.copy())).toBe(`**${CANCELLED}`)
  })

  it('are so once what is before them has gone out', () => {
    characters.drop(REPEATED, REPEATED)
    held.drop(REPEATED)
    expect(characters.text()).toBe('bbbb')
    expect(hidden(characters)).toBe(CANCELLED)
  })
})
