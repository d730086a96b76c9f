import { characterSet, type Detector } from './detector.ts'
import { spansOf } from './spans-of.ts'

/**
 * Telephone numbers in international form (ITU-T E.164: + and 8 to 15 digits), with the usual separators, and North American ones as they are written. With 00 in
 * place of the plus sign, as most of the world dials it, they are told from numbers with leading zeros (GTIN-14, say) by what parts the country code from the rest.
 */
export const phone: Detector = {
  form: { characters: characterSet(/[+\d ./()-]/, 'without others'), least: 9, around: 2 },
  find: (text) =>
    spansOf(text, PHONE, ([found]) => {
      const digits = found.replace(/\D/g, '').length
      if (found.startsWith('+')) return digits >= 8 && digits <= 15
      return found.startsWith('00') ? digits >= 11 && digits <= 17 : digits === 10
    }),
  partial: (value) => `${value.startsWith('+') ? '+' : ''}*******${value.replace(/\D/g, '').slice(-2)}`,
}

const PHONE =
  /(?<![\w+])(?:\+[1-9](?:[ .\-/]?\(?\d\)?){7,14}|\(\d{3}\) ?\d{3}-\d{4}|(?<![\d.][.-]|-)00[1-9]\d{0,2}(?=[ (-])(?:[ .\-/]?\(?\d\)?){6,13}(?!-\w))(?!\w)/g
