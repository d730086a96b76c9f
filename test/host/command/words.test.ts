import { describe, expect, it } from 'vitest'
import { Reader } from '../../../src/host/command/script-reader.ts'

const read = (text: string) => {
  const reader = new Reader({ login: 'jane', home: '/home/jane' }, 'bash')
  reader.text(text)
  return reader.result()
}
const last = (text: string) => read(text).at(-1)

describe('a word whose text only the shell knows', () => {
  it('is an operand where it surely begins like one and is one word', () => {
    expect(last('sort a"$x"')).toMatchObject({ reads: ['**'], unknown: [] })
    expect(last('sort \'a\'"${x}"')).toMatchObject({ reads: ['**'], unknown: [] })
  })

  it.each(['-"$x"', '+"$x"', '@"$x"', '~"$x"', '"$x"', 'a"$@"', 'a"${@}"', 'a"${x[@]}"', 'a"${!x}"', 'a$x'])(
    'may be an option, or several words: sort %s',
    (word) => {
      expect(last(`sort ${word}`)?.unknown).toEqual(['what sort does depends on words that only the shell knows'])
    },
  )

  it('may be a pattern, for which the shell looks through directories, where nothing quotes it', () => {
    expect(last('x=\'/srv/*\'; echo "$x"')?.reads).toEqual([])
    expect(read("x='/srv/*'; echo $x").flatMap(({ reads }) => reads)).toEqual(['**'])
  })
})

describe('what echo writes into a word', () => {
  it('is its text', () => {
    expect(last('cat "$(echo /a)"')?.reads).toEqual(['/a'])
  })

  it.each([
    'echo() { printf /b; }; cat "$(echo /a)"',
    'cat "$(echo /a > /b)"',
    'cat "$(x=y echo /a)"',
    'cat "$(echo /a; echo /b)"',
    'cat "$(echo /a &)"',
    'cat "$(echo $x)"',
    'cat "$(printf /a)"',
  ])('is not known where something else may have written it: %s', (text) => {
    expect(last(text)?.reads).toEqual(['**'])
  })
})
