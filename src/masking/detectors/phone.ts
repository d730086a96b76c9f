import { characterSet, type Detector } from './detector.ts'
import { spansOf } from './spans-of.ts'

/** Telephone numbers in international form (ITU-T E.164: + and 8 to 15 digits), with the usual separators, and North American ones as they are written. */
export const phone: Detector = {
  form: { characters: characterSet(/[+\d ./()-]/, 'without others'), least: 9, around: 1 },
  find: (text) =>
    spansOf(text, PHONE, ([found]) => {
      const digits = found.replace(/\D/g, '').length
      return found.startsWith('+') ? digits >= 8 && digits <= 15 : digits === 10
    }),
  partial: (value) => `${value.startsWith('+') ? '+' : ''}*******${value.replace(/\D/g, '').slice(-2)}`,
}

const PHONE = /(?<![\w+])(?:\+[1-9](?:[ .\-/]?\(?\d\)?){7,14}|\(\d{3}\) ?\d{3}-\d{4})(?![\w])/g
