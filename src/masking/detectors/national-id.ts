import { characterSet, type Detector } from './detector.ts'
import { spansOf } from './spans-of.ts'

/**
 * Numbers that states give to people: US social security (written with dashes, ranges that the SSA issues), UK national
 * insurance, Spanish DNI and NIE (check letter), French NIR (check modulo 97), Italian codice fiscale, Brazilian CPF
 * (written with its dots, both check digits).
 */
export const nationalId: Detector = {
  form: { characters: characterSet(/[A-Z0-9 .-]/, 'without others'), least: 9, around: 1 },
  find: (text) =>
    FORMS.flatMap(({ pattern, passes }) => spansOf(text, pattern, ([found]) => passes(found)))
      .toSorted((one, other) => one.start - other.start)
      .filter(({ start }, index, all) => index === 0 || start >= (all[index - 1] as { end: number }).end),
  partial: (value) => `******${value.slice(-2)}`,
}

const FORMS: readonly { pattern: RegExp; passes: (value: string) => boolean }[] = [
  {
    pattern: /(?<![\w-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])/g,
    passes: () => true,
  },
  {
    pattern: /(?<!\w)(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D](?!\w)/g,
    passes: () => true,
  },
  {
    pattern: /(?<!\w)(?:\d{8}|[XYZ]\d{7})-?[A-HJ-NP-TV-Z](?!\w)/g,
    passes: (value) => {
      const digits = value
        .slice(0, -1)
        .replace('-', '')
        .replace(/^[XYZ]/, (letter) => String('XYZ'.indexOf(letter)))
      return 'TRWAGMYFPDXBNJZSQVHLCKE'[Number(digits) % 23] === value.at(-1)
    },
  },
  {
    pattern: /(?<!\w)[12] ?\d{2} ?(?:0[1-9]|1[0-2]) ?\d[\dAB] ?\d{3} ?\d{3} ?\d{2}(?!\w)/g,
    passes: (value) => {
      const digits = value.replaceAll(' ', '').replace('2A', '19').replace('2B', '18')
      return 97 - Number(BigInt(digits.slice(0, 13)) % 97n) === Number(digits.slice(13))
    },
  },
  {
    pattern: /(?<!\w)[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z](?!\w)/g,
    passes: () => true,
  },
  {
    pattern: /(?<!\w)\d{3}\.\d{3}\.\d{3}-\d{2}(?!\w)/g,
    passes: (value) => {
      const digits = [...value.replace(/\D/g, '')].map(Number)
      const check = (length: number): number => {
        const sum = digits.slice(0, length).reduce((total, digit, index) => total + digit * (length + 1 - index), 0)
        return ((sum * 10) % 11) % 10
      }
      return new Set(digits).size > 1 && check(9) === digits[9] && check(10) === digits[10]
    },
  },
]
