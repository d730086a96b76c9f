import { describe, expect, it } from 'vitest'
import { fold, foldedText, isUnseen, ITSELF, SEVERAL, UNSEEN } from '../../src/masking/folding.ts'
import { valueFilter } from '../../src/masking/value-filter.ts'

const foldOf = (character: string): string => {
  const code = character.codePointAt(0) as number
  const folded = fold(code)
  if (folded === UNSEEN) return ''
  if (folded === SEVERAL) return foldedText(code)
  return folded === ITSELF ? character : String.fromCharCode(folded)
}

describe('a character stands for', () => {
  it.each([
    ['0', '0０٠۰߀०০𝟎𝟘𝟢𝟬𝟶⓪⁰₀🯰'],
    ['9', '9９٩۹߉९৯𝟗𝟡𝟫𝟵𝟿⑨⁹₉🯹'],
    [' ', ' \u00a0\u1680\u2000\u2003\u2007\u2009\u200a\u202f\u205f\u3000'],
    ['-', '-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u207b\ufe58\ufe63\uff0d\u058a\u2043'],
    ['@', '@＠﹫'],
    ['.', '.．。｡․﹒۔'],
    ['+', '+＋⁺₊﹢'],
    ['(', '(（⁽﹙'],
    ['D', 'DＤ𝐃𝔇ⅮⒹᴰ'],
    ['10', '⑩'],
    [
      '',
      '\u00ad\u2028\u2029\u200b\u200c\u200d\u200e\u202a\u2060\u2066\ufeff\u0301\ufe0f\u034f\u{e0061}\u{e0100}\u0000\u001f\u007f\u0085',
    ],
  ])('%s: all of %s', (plain, characters) => {
    for (const character of characters) expect(foldOf(character), character.codePointAt(0)?.toString(16)).toBe(plain)
  })

  it('itself, where it is a letter or sign that stands in no value for another', () => {
    for (const character of 'aZ7 \t\r\n~äßЖ漢あ한€„…·'.replace('…', '')) expect(foldOf(character)).toBe(character)
  })

  it('a digit, of which each script has ten', () => {
    let count = 0
    for (let code = 0x80; code <= 0x1ffff; code++)
      if (/^\p{Nd}$/u.test(String.fromCodePoint(code))) expect(fold(code)).toBe(0x30 + (count++ % 10))
    expect(count % 10).toBe(0)
  })

  it('something else only where its first byte in UTF-8 makes the filter of values look closer, except for small letters', () => {
    const filter = valueFilter([{ kind: 'payment-card', style: 'redact', hashScope: 'session' }])
    for (let code = 0; code <= 0x10ffff; code++) {
      const folded = fold(code)
      if ((code >= 0xd800 && code <= 0xdfff) || folded === ITSELF || folded === code) continue
      if (/^[a-z]+$/.test(foldOf(String.fromCodePoint(code)))) continue
      const bytes = Buffer.from(String.fromCodePoint(code))
      if (!filter(bytes, 0, bytes.length)) expect(code.toString(16)).toBe('')
    }
    expect(isUnseen(0x200b)).toBe(true)
  })
})
