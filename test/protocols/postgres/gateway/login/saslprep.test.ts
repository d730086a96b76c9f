import { expect, it } from 'vitest'
import { saslprep } from '../../../../../src/protocols/postgres/gateway/login/saslprep.ts'

/** RFC 4013, section 3, and what the server does with what the profile forbids. */
it.each([
  ['plain ASCII stays', 'user ~!', 'user ~!'],
  ['a soft hyphen is mapped to nothing', 'I\u00adX', 'IX'],
  ['case stays', 'USER\u00e9', 'USER\u00e9'],
  ['compatibility characters are decomposed', '\u00aa', 'a'],
  ['a Roman numeral is letters', '\u2168', 'IX'],
  ['other spaces become a space', 'a\u00a0b\u3000c', 'a b c'],
  ['letters and accents are composed', 'e\u0301', '\u00e9'],
  ['a control character: as it is', 'a\u0007\u00aa', 'a\u0007\u00aa'],
  ['a private character: as it is', '\ue000\u00aa', '\ue000\u00aa'],
  ['both directions at once: as it is', '\u0627a\u00aa', '\u0627a\u00aa'],
  ['right to left with a digit at the end: as it is', '\u0627\u00b9', '\u0627\u00b9'],
  ['right to left, begun and ended so', '\u0627\u00b9\u0628', '\u06271\u0628'],
  ['a character that Unicode 3.2 does not have: as it is', '\u0221\u00aa', '\u0221\u00aa'],
  ['nothing left: as it is', '\u00ad', '\u00ad'],
])('%s', (_, password, prepared) => {
  expect(saslprep(password)).toBe(prepared)
})
