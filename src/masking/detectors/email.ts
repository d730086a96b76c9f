import { characterSet, type Detector } from './detector.ts'
import { spansOf } from './spans-of.ts'

/** E-mail addresses (RFC 5321 addr-spec without quoted local parts), in any script. */
export const email: Detector = {
  form: { characters: characterSet(/[\w.!#$%&'*+/=?^`{|}~@-]/, 'with others'), least: 5, sign: 0x40, around: 0 },
  find(text) {
    if (!text.includes('@')) return []
    return spansOf(text, ADDRESS).map(({ start, end }) => ({
      start: start + (OPENING_QUOTES.exec(text.slice(start, end))?.[0].length ?? 0),
      end,
    }))
  },
  partial(value) {
    const first = [...value][0] ?? ''
    return `${first}***@***${value.slice(value.lastIndexOf('.'))}`
  },
}

// Every repetition is bounded, so that no text takes more than linear time.
const ADDRESS = /[\p{L}\p{N}.!#$%&'*+/=?^_`{|}~-]{1,64}@[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){1,8}/gu
/** Addresses may have these in them, also as the first character; before an address stands the quote that opens a string. */
const OPENING_QUOTES = /^['`]+(?=[^'`@])/
