import { execFileSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { shellWord } from '../../src/shared/shell-word.ts'

it('leaves plain words as they are', () => {
  for (const word of ['shop', 'app_user@db-1', '/run/user/0/x.sock']) expect(shellWord(word)).toBe(word)
})

it('is one word to a shell, whatever is in it', () => {
  const texts = ['', 'Sales DB', "it's", '$(touch x)', '`x`', 'a;b', '"', "'; x '", '\\', '*', '~', '#', '-x y']
  const shown = execFileSync('/bin/sh', ['-c', `printf '%s\\0' ${texts.map(shellWord).join(' ')}`], {
    encoding: 'utf8',
  })
  expect(shown.split('\0').slice(0, -1)).toEqual(texts)
})
