import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { foldedValue, foldText, foldUnits } from '../../src/masking/folded-text.ts'

describe('a text as it reads', () => {
  it.each([
    ['4111\u00a01111', '4111 1111'],
    ['\u200b4\u200b', '4'],
    ['４１１１－', '4111-'],
    ['x𝟒𝟏y', 'x41y'],
    ['a⑩b', 'a10b'],
    ['jane＠example．com', 'jane@example.com'],
    ['jose\u0301@x', 'jose@x'],
  ])('%j reads %s', (text, read) => {
    expect(foldedValue(text)).toBe(read)
  })

  it.each(['', 'plain ASCII\r\n\t', 'Zoë Müller', '漢字', '😀 x', '\ud800', 'Ж'])('%j reads as it stands', (text) => {
    expect(foldText(text)).toBeUndefined()
  })

  it('each part of it is read from a part of the original, which reads so by itself', () => {
    const pieces = fc.array(fc.constantFrom('a', '1', ' ', '４', '\u00a0', '\u200b', '𝟒', '😀', '⑩', 'é', '\u0301'), {
      maxLength: 12,
    })
    fc.assert(
      fc.property(pieces, fc.nat(20), fc.nat(20), (parts, one, other) => {
        const text = parts.join('')
        const folded = foldText(text)
        if (folded === undefined) return
        const [start, end] = [one % (folded.text.length + 1), other % (folded.text.length + 1)].toSorted(
          (a, b) => a - b,
        )
        if (start === undefined || end === undefined || start === end) return
        const span = folded.span(start, end)
        const read = foldedValue(text.slice(span.start, span.end))
        // One that stands for several is whole, and so is a pair.
        expect(read).toContain(folded.text.slice(start, end))
        expect(read.length - (end - start)).toBeLessThan(3)
        expect(folded.span(0, folded.text.length).start).toBe(text.search(/[^\u200b\p{M}]/u))
      }),
    )
  })

  it('keeps its units where they are counted', () => {
    expect(foldUnits('a\u200b４\u00a0😀')).toBe('a\u200b4 😀')
    expect(foldUnits('plain')).toBe('plain')
  })
})
