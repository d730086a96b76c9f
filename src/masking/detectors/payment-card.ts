import { characterSet, type Detector } from './detector.ts'
import { spansOf } from './spans-of.ts'

/** Payment card numbers (ISO/IEC 7812): 13 to 19 digits of a known network that pass the Luhn check. */
export const paymentCard: Detector = {
  form: { characters: characterSet(/[\d .-]/, 'without others'), isLow: true, least: 13, around: 130 },
  find(text) {
    if (text.length < SHORTEST) return []
    return spansOf(text, NUMBER, ({ index, 0: found }) => {
      const digits = found.replace(/[ .-]/g, '')
      return NETWORK.test(digits) && passesLuhn(digits) && !isWithinHexadecimal(text, index, found.length)
    })
  },
  partial: (value) => `************${value.replace(/[ .-]/g, '').slice(-4)}`,
}

function passesLuhn(digits: string): boolean {
  let sum = 0
  for (let i = 0; i < digits.length; i++) {
    const digit = digits.charCodeAt(digits.length - 1 - i) - 48
    const doubled = i % 2 === 1 ? digit * 2 : digit
    sum += doubled > 9 ? doubled - 9 : doubled
  }
  return sum % 10 === 0
}

/** A digest or the like has every Luhn number in it sooner or later: hexadecimal digits of one case, longer than any card, with letters. */
function isWithinHexadecimal(text: string, start: number, length: number): boolean {
  let from = start
  while (from > 0 && start - from < MAX_DIGEST_LENGTH && ALPHANUMERIC.test(text[from - 1] as string)) from--
  let to = start + length
  while (to < text.length && to - start < MAX_DIGEST_LENGTH && ALPHANUMERIC.test(text[to] as string)) to++
  const run = text.slice(from, to)
  return run.length >= MIN_DIGEST_LENGTH && (/^[\da-f]+$/.test(run) || /^[\dA-F]+$/.test(run)) && /[a-fA-F]/.test(run)
}

const ALPHANUMERIC = /[\da-zA-Z]/
/** Digits of an ObjectId, the shortest that is common; and of SHA-512. */
const MIN_DIGEST_LENGTH = 24
const MAX_DIGEST_LENGTH = 128
const SHORTEST = 13
/**
 * Digits in one piece, or grouped as cards are printed, by dashes, dots, one blank or two; not part of a longer run of digits and dashes such as a UUID, nor
 * of digits and dots such as an object identifier.
 */
const NUMBER =
  /(?<!\d)(?<![\da-fA-F]-)(?:\d{13,19}|\d{4}( {1,2}|-)\d{4}\1\d{4}\1\d{4}(?:\1\d{3})?|\d{4}( {1,2}|-)\d{6}\2\d{4,5}|(?<!\d\.)\d{4}\.(?:\d{4}\.\d{4}\.\d{4}(?:\.\d{3})?|\d{6}\.\d{4,5})(?!\.\d))(?!\d)(?!-[\da-fA-F])/g
/** Visa, Mastercard, American Express, Discover, Diners, JCB, UnionPay, Maestro. */
const NETWORK = /^(4|5[0-8]|2[2-7]|3[04-9]|6)/
