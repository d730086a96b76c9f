import { randomInt } from 'node:crypto'

/**
 * What somebody types to say which command line is theirs (RFC 8628, section 6.1): eight of twenty consonants, 34.5 bits, which make no words and are not
 * taken for one another.
 */
export function newUserCode(): string {
  const letters = Array.from({ length: LENGTH }, () => LETTERS[randomInt(LETTERS.length)])
  return showUserCode(letters.join(''))
}

/** As it is shown: `BCDF-GHJK`. */
const showUserCode = (letters: string): string => `${letters.slice(0, 4)}-${letters.slice(4)}`

/** The code as it is shown, of what somebody typed: case, spaces and dashes do not matter. Undefined where it can be none. */
export function readUserCode(typed: string): string | undefined {
  const plain = typed.replaceAll(/[\s\p{Pd}]/gu, '')
  // Other letters may become some of these in upper case.
  const letters = /^[a-z]*$/i.test(plain) ? plain.toUpperCase() : ''
  return letters.length === LENGTH && [...letters].every((letter) => LETTERS.includes(letter))
    ? showUserCode(letters)
    : undefined
}

const LETTERS = 'BCDFGHJKLMNPQRSTVWXZ'
const LENGTH = 8
