import { describe, expect, it } from 'vitest'
import { MAX_SCP_LINE, parseScpLine, ScpAnswers } from '../../../../src/protocols/ssh/wire/scp-line.ts'

const line = (text: string) => parseScpLine(Buffer.from(text, 'latin1'))

describe('lines of scp', () => {
  it('are those that sink() takes', () => {
    expect(line('C0644 12 a b')).toEqual({ type: 'file', size: 12, name: Buffer.from('a b') })
    expect(line('D0755 0 caf\xe9')).toEqual({ type: 'directory', size: 0, name: Buffer.from('caf\xe9', 'latin1') })
    expect(line('T1700000000 0 1700000000 999999')).toEqual({ type: 'times' })
    expect(line('E')).toEqual({ type: 'end' })
    expect(line('\x01scp: a: not a regular file')).toEqual({ type: 'error' })
    expect(line('\x02')).toEqual({ type: 'fatal' })
  })

  it.each([
    ['', 'C0644 5', 'C0644  5 x', 'C644 5 x', 'C06444 5 x', 'C0648 5 x', 'C0644 -5 x', 'C0644 +5 x', 'C0644 0x5 x'],
    ['C0644 9999999999999999 x', 'C0644 5 ', 'C0644 5 .', 'C0644 5 ..', 'C0644 5 a/b', 'C0644 5 a\0b', ' C0644 5 x'],
    ['E ', 'EE', 'T1 0 1', 'T1 0 1 0 ', 'T-1 0 1 0', 'T1 0 1 0\0x', 'T1 1234567 1 0', '\0C0644 5 x', 'X', 'c0644 5 x'],
  ])('are no others', (...texts) => {
    for (const text of texts) expect(() => line(text), JSON.stringify(text)).toThrow('not a line of the scp protocol')
  })
})

describe('answers of scp', () => {
  const answers = (...chunks: string[]) => {
    const reader = new ScpAnswers()
    const found = []
    for (const chunk of chunks.map((text) => Buffer.from(text, 'latin1')))
      for (let at = 0; at < chunk.length;) {
        const { answer, end } = reader.next(chunk, at)
        if (answer !== undefined) found.push(`${answer.type} ${answer.text}`)
        at = end
      }
    return found
  }

  it('are read over any borders of chunks', () => {
    const all = '\0\x01no\n\0\x02over\nWelcome\n'
    const expected = ['ok ', 'error no', 'ok ', 'fatal over', 'fatal Welcome']
    expect(answers(all)).toEqual(expected)
    expect(answers(...all)).toEqual(expected)
  })

  it('that are longer than the other side reads at once are the last', () => {
    expect(answers(`\x01${'x'.repeat(MAX_SCP_LINE + 1)}\n`)).toEqual(['fatal '])
  })
})
