import { parse, type Command, type SyntaxNode } from 'unbash'
import { describe, expect, it } from 'vitest'
import { hasJoinedSubstitution, hiding, isPlainHereDoc } from '../../../src/host/command/shell-differences.ts'
import { Settings } from '../../../src/host/command/variables.ts'

const first = (text: string): SyntaxNode => {
  const command = parse(text).commands[0]?.command
  if (command === undefined) throw new Error(`no command in ${text}`)
  return command
}
const simple = (text: string): Command => {
  const node = first(text)
  if (node.type !== 'Command') throw new Error(`${text} is a ${node.type}`)
  return node
}

describe('what shells read differently', () => {
  it.each([
    ['if true; then ls; fi', undefined, undefined],
    ['ls | wc', undefined, undefined],
    ['ls |& wc', undefined, 'shells read |& differently'],
    ['select x in a; do ls; done', 'shells read select differently', 'shells read select differently'],
    ['(( 1 ))', 'shells read ((…)) differently', 'shells read ((…)) differently'],
    ['f() { ls; }', undefined, undefined],
    ['function f { ls; }', undefined, 'shells read function differently'],
  ])('%s: in bash %s, in sh %s', (text, inBash, inSh) => {
    const node = first(text)
    expect([hiding(node, 'bash', new Settings()), hiding(node, 'sh', new Settings())]).toEqual([inBash, inSh])
  })

  it('a process substitution that joins another word', () => {
    expect(hasJoinedSubstitution(simple('cat <(ls)'))).toBe(false)
    expect(hasJoinedSubstitution(simple('cat a<(ls)'))).toBe(true)
  })

  it('a here-document whose end every shell finds', () => {
    const plain = (text: string): boolean =>
      simple(text).redirects.every((one) => one.type === 'HereDoc' && isPlainHereDoc(one))
    expect(plain('cat <<END\ntext\nEND\n')).toBe(true)
    expect(plain('cat <<END\ntext\n')).toBe(false)
  })
})
