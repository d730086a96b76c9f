import { expect, it } from 'vitest'
import { TooComplex } from '../../../src/host/command/findings.ts'
import { Reader } from '../../../src/host/command/script-reader.ts'

const read = (text: string) => {
  const reader = new Reader({ login: 'jane', home: '/home/jane' }, 'sh')
  reader.text(text)
  return reader.result()
}
const programs = (text: string): readonly string[] => read(text).flatMap(({ argv }) => argv[0] ?? [])

it.each([
  ['a; b && c || d', ['a', 'b', 'c', 'd']],
  ['a | b', ['a', 'b']],
  ['if a; then b; else c; fi', ['a', 'b', 'c']],
  ['for x in 1; do a; done; (b); { c; }', ['a', 'b', 'c']],
  ['a $(b `c`)', ['a', 'b', 'c']],
  ['f() { a; }', ['a']],
])('%s: a statement for each command, wherever it stands', (text, expected) => {
  expect(programs(text).toSorted()).toEqual(expected)
})

it('knows where a relative path leads only after a change of directory that has surely happened', () => {
  const reads = (text: string) => read(text).at(-1)?.reads
  expect(reads('cat x')).toEqual(['/home/jane/x'])
  expect(reads('cd /srv && cat x')).toEqual(['/srv/x'])
  expect(reads('cd /srv; cat x')).toEqual(['**'])
  expect(reads('f() { cd /etc; }; f; cat x')).toEqual(['**'])
})

it('a path may lead anywhere once a link was made, and in the background at any time', () => {
  const leadsAnywhere = (text: string) => read(text).map(({ reads }) => reads.includes('**'))
  expect(leadsAnywhere('cat /a; ln -s /b /c; cat /d')).toEqual([false, false, true])
  expect(leadsAnywhere('cat /a; ln -s /b /c & cat /d')).toEqual([true, true, true])
  expect(leadsAnywhere('cat /a; ln -s /b /c; cat <(cat /d)')[0]).toBe(true)
})

it.each([
  ['a b\\', 'shells read a backslash at the end of a text differently'],
  ['a\\\nb', 'a line that is continued within a word is not analysed'],
  ['a ${ b; }', 'shells read ${ …; } differently'],
])('%j hides what it does', (text, reason) => {
  expect(read(text).flatMap(({ unknown }) => unknown)).toContain(reason)
})

it('gives up on more commands than anybody types', () => {
  expect(() => read('a;'.repeat(100_000))).toThrow(TooComplex)
})

it('a path may lead anywhere from the beginning on where the link may be made earlier, or again', () => {
  const first = (text: string) => read(text).at(0)?.reads.includes('**')
  expect(first('cat /a; ln -s /b /c; true')).toBe(false)
  expect(first('cat /a; ln -s /b /c; setsid -f true')).toBe(true)
  expect(first('cat /a; f() { a; }; ln -s /b /c')).toBe(true)
  expect(first('cat /a; echo x | xargs ln -s')).toBe(true)
  expect(first('cat /a; xargs ln -s /b < /d')).toBe(true)
  expect(first('cat /a; (ln -s /b /c)')).toBe(true)
})

it('knows no directory in a loop in which a name may come to mean a function', () => {
  const first = (text: string) => read(text).at(0)?.reads
  expect(first('for i in 1 2; do cat x; done')).toEqual(['/home/jane/x'])
  expect(first('for i in 1 2; do cat x; cat() { . ./y; }; done')).toEqual(['**'])
  expect(first('while true; do cat x; f() { a; }; f; done')).toEqual([])
  expect(read('while cat x; do f() { a; }; f; done').at(0)?.reads).toEqual(['**'])
})

it('knows the directory only after one change to one absolute path', () => {
  const reads = (text: string) => read(text).at(-1)?.reads
  for (const text of [
    'cd /srv /tmp && cat x',
    'cd -P /srv && cat x',
    'cd && cat x',
    'cd - && cat x',
    'cd srv && cat x',
  ])
    expect(reads(text)).toEqual(['**'])
})

it('takes a name for a function where that is surely defined, and still reads the program of that name', () => {
  const last = (text: string) => read(text).at(-1)
  expect(last('f() { a; }; f')?.opaque).toEqual([])
  expect(last('(f() { a; }); f')?.opaque).toHaveLength(1)
  expect(last('echo $(f() { a; }); f')?.opaque).toHaveLength(1)
  expect(last('cat <(f() { a; }); f')?.opaque).toHaveLength(1)
  expect(last('f() { a; } & f')?.opaque).toHaveLength(1)
  expect(last('f() { a; }; unset -f f; f')?.opaque).toHaveLength(1)
  expect(last('rm() { a; }; rm f')?.writes).toEqual(['**'])
})

it('a word that begins like an option is no program, whoever runs it', () => {
  expect(read('env -- -x').at(-1)?.unknown).toEqual(['which program runs is known only to the shell'])
})
