import { characterSet, type Detector } from './detector.ts'
import { spansOf } from './spans-of.ts'

/** International bank account numbers (ISO 13616), together or in groups of four, whose checksum (ISO 7064 MOD 97-10) is right. */
export const iban: Detector = {
  form: { characters: characterSet(/[A-Z0-9 ]/, 'without others'), least: 15, around: 1 },
  find: (text) => spansOf(text, IBAN, ([found]) => passesMod97(found.replaceAll(' ', ''))),
  partial: (value) => `${value.slice(0, 2)}**************${value.slice(-4)}`,
}

function passesMod97(value: string): boolean {
  if (value.length < 15 || value.length > 34) return false
  let remainder = 0
  for (const character of value.slice(4) + value.slice(0, 4)) {
    const code = character >= 'A' ? character.charCodeAt(0) - 55 : Number(character)
    remainder = (remainder * (code > 9 ? 100 : 10) + code) % 97
  }
  return remainder === 1
}

const IBAN = /(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?:[A-Z0-9]{11,30}|(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,4})?)(?![A-Za-z0-9])/g
