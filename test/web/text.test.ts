import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { escapeMarks } from '../../src/shared/commitment.ts'
import { pieces, recordedPieces, visible } from '../../src/shared/visible.ts'
import { formatLength, formatOffset, formatRelative } from '../../web/lib/format.ts'
import { highlight, linesOf } from '../../web/lib/highlight.ts'
import { jumpsOf } from '../../web/features/sessions/jumps.ts'
import { sampledRuns } from '../helpers/sampled.ts'

/** Text with much in it that deceives. */
const tricky = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 8 }),
      fc.constantFrom(
        "'",
        '"',
        '--',
        '/*',
        '*/',
        '$$',
        '$tag$',
        '\n',
        '\r',
        '\t',
        '#',
        '\\',
        '\u202e',
        '\u200b',
        '\u0430',
        '\u00a0',
        'delete from ',
        ' where ',
        '42',
      ),
    ),
    { maxLength: 30 },
  )
  .map((parts) => parts.join(''))

describe('what an approver reads', () => {
  it('is the text, whatever is marked in it', () => {
    fc.assert(
      fc.property(tricky, (text) => {
        expect(
          pieces(text)
            .map((piece) => piece.text)
            .join(''),
        ).toBe(text)
      }),
      { numRuns: sampledRuns(500) },
    )
  })

  it.each(['sql', 'shell'] as const)('is the text, whatever is coloured in it: %s', (language) => {
    fc.assert(
      fc.property(tricky, (text) => {
        const tokens = highlight(text, language)
        expect(tokens.map((token) => token.text).join('')).toBe(text)
        const lines = linesOf(tokens).map((line) => line.map((token) => token.text).join(''))
        expect(lines.join('\n')).toBe(text)
      }),
      { numRuns: sampledRuns(500) },
    )
  })

  it('is coloured in linear time', () => {
    for (const text of [
      "'".repeat(50_000),
      '/*'.repeat(50_000),
      '$a$'.repeat(30_000),
      '"\\'.repeat(50_000),
      '-'.repeat(100_000),
      ' '.repeat(100_000),
    ]) {
      expect(highlight(text, 'sql').length + highlight(text, 'shell').length).toBeGreaterThan(0)
    }
  })

  it.each([
    ['\u0430dmin', 'lookalike', 'U+0430', /Cyrillic/],
    ['\u03bfrders', 'lookalike', 'U+03BF', /Greek/],
    ['a\u200bb', 'hidden', 'U+200B', /not seen/],
    ['a\u202eb', 'hidden', 'U+202E', /not seen/],
    ['a\u00a0b', 'hidden', 'U+00A0', /space/],
    ['\uff53elect', 'lookalike', 'U+FF53', /looks like/],
    ['a\u2212b', 'lookalike', 'U+2212', /looks like/],
    ['\u{1d5ba}b', 'lookalike', 'U+1D5BA', /looks like/],
    ['a\u{e0041}b', 'hidden', 'U+E0041', /not seen/],
    ['a\u0007b', 'hidden', 'U+0007', /not seen/],
  ])('marks %j', (text, kind, code, what) => {
    expect(pieces(text).filter((piece) => piece.kind !== 'text')).toMatchObject([{ kind, code }])
    expect(JSON.stringify(pieces(text))).toMatch(what)
  })

  it('leaves alone what deceives nobody', () => {
    for (const text of ["select 'Müller', 'señor', 'naïve', 'Łódź', '日本', 'שלום'", 'a\tb\nc', '~/x && y | z > "$1"'])
      expect(pieces(text)).toEqual([{ kind: 'text', text }])
  })

  it('everything hidden is hidden in both ways of saying it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 20 }), (text) => {
        if (visible(text) !== text) expect(pieces(text).some(({ kind }) => kind === 'hidden')).toBe(true)
      }),
    )
  })

  it('colours what it should', () => {
    const kinds = (text: string, language: 'sql' | 'shell'): string[] =>
      highlight(text, language)
        .filter(({ kind }) => kind !== 'plain')
        .map(({ kind, text: part }) => `${kind} ${part}`)
    expect(kinds("delete from t -- all\n where a = 'x''y' and b > 5 /* c */", 'sql')).toEqual([
      'kw delete',
      'kw from',
      'com -- all',
      'kw where',
      "str 'x''y'",
      'kw and',
      'num 5',
      'com /* c */',
    ])
    expect(kinds('do $x$ begin end $x$; select 1', 'sql')).toContain('str $x$ begin end $x$')
    expect(kinds('rm -rf "/tmp/a b" # now', 'shell')).toEqual(['kw rm', 'str "/tmp/a b"', 'com # now'])
  })
})

describe('times', () => {
  it.each([
    [999, '1 second'],
    [45_000, '45 seconds'],
    [60_000, '1 minute'],
    [5_400_000, '1 hour 30 minutes'],
    [7_200_000, '2 hours'],
    [90_000_000, '1 day 1 hour'],
    [-5, '0 seconds'],
  ])('%d ms read %s', (length, text) => {
    expect(formatLength(length)).toBe(text)
  })

  it('say how long ago, and when within a session', () => {
    const now = Date.parse('2026-11-25T12:00:00Z')
    expect(formatRelative('2026-11-25T11:57:00Z', now)).toBe('3 minutes ago')
    expect(formatRelative('2026-11-25T14:00:00Z', now)).toBe('in 2 hours')
    expect(formatRelative('2026-11-25T11:59:58Z', now)).toBe('just now')
    expect([formatOffset(5250), formatOffset(65_000), formatOffset(3_700_000)]).toEqual([
      '0:05.3',
      '1:05.0',
      '1:01:40.0',
    ])
  })
})

describe('what can be jumped to in a terminal', () => {
  it('is its commands and its lines, at the times of the player, which cuts pauses', () => {
    const lines = [
      { version: 2, width: 80, height: 24 },
      [0.5, 'm', 'interactive shell'],
      [1, 'o', '\u001b[1mhello\u001b[0m wor'],
      [1.5, 'o', 'ld\r\n$ '],
      [60, 'o', 'loading 10%\rloading 100%\r\n'],
      [61, 'm', 'next 77'],
    ]
    const { jumps, next, hasOutput } = jumpsOf(lines.map((line) => JSON.stringify(line)).join('\n'))
    expect(jumps).toEqual([
      { at: 0.5, text: 'interactive shell', isCommand: true },
      { at: 1.5, text: 'hello world', isCommand: false },
      { at: 3.5, text: 'loading 100%', isCommand: false },
    ])
    expect([next, hasOutput]).toEqual([77, true])
    expect(jumpsOf('')).toEqual({ jumps: [], next: undefined, hasOutput: false })
  })
})

describe('a text on record', () => {
  const marked = (text: string): string[] =>
    recordedPieces(text).flatMap((piece) => (piece.kind === 'text' ? [] : [piece.code]))

  it('has nothing marked where something stands in place of a value', () => {
    expect(marked('select ‹63f5b92e33c3› from t where a in (‹120 values, 63f5b92e33c3›)')).toEqual([])
  })

  it('cannot be made to look like that', () => {
    const forged = "select '‹63f5b92e33c3›'"
    expect(marked(escapeMarks(forged))).toEqual(['U+2039', 'U+203A'])
    expect(marked(escapeMarks('‹U+2039›'))).toEqual(['U+2039', 'U+203A'])
    fc.assert(
      fc.property(tricky, (text) => {
        expect(marked(escapeMarks(text))).toEqual(
          pieces(text).flatMap((piece) => (piece.kind === 'text' ? [] : [piece.code])),
        )
      }),
    )
  })
})
