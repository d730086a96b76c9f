import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { visible, visibleJson } from '../../src/shared/visible.ts'
import { clockTime } from '../../src/cli/output/clock-time.ts'
import { outcomeOf } from '../../src/cli/exit-codes.ts'
import { canonicalJson, type Json } from '../../src/shared/canonical-json.ts'
import { parseDateTime } from '../../src/shared/date-time.ts'
import { formatDuration, parseDuration } from '../../src/shared/duration.ts'
import { PamError, fromErrorBody, toErrorBody } from '../../src/shared/errors.ts'
import { looksLikeId, newId } from '../../src/shared/id.ts'
import { parseYaml } from '../../src/shared/yaml-file.ts'
import { parseConfig } from '../../src/server/config/config.ts'

describe('durations', () => {
  it.each([
    ['90s', 90_000],
    ['1h30m', 5_400_000],
    ['2d', 172_800_000],
  ])('%s', (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds)
  })
  it.each(['', '10', '1w', '-1m', '0s', '1.5h', '1h 30m', '9'.repeat(20) + 's'])('%j is none', (text) => {
    expect(parseDuration(text)).toBeUndefined()
  })
  it('reads what it writes', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000_000 }),
        (seconds) => parseDuration(formatDuration(seconds * 1000)) === seconds * 1000,
      ),
    )
  })
})

describe('a date with a time', () => {
  it.each([
    ['2026-11-30T22:00Z', '2026-11-30T22:00:00.000Z'],
    ['2026-11-30T22:00:30.5+01:00', '2026-11-30T21:00:30.500Z'],
  ])('%s', (text, time) => {
    expect(new Date(parseDateTime(text) ?? 0).toISOString()).toBe(time)
  })
  it('without a zone is in the zone of whoever wrote it', () => {
    expect(parseDateTime('2026-11-30T22:00')).toBe(new Date(2026, 10, 30, 22).getTime())
  })
  // In most of these, Date.parse finds a time.
  it.each([
    '',
    '1',
    '2026-11-30',
    '2026-11-30 22:00',
    'as soon as possible 2026-12-05',
    'immediately (after approval), 5 12',
    '2026-11-30T22:00 (UTC+14)',
    '2026-11-30T22:00:00\n',
    '2026-13-30T22:00',
  ])('%j is none', (text) => {
    expect(parseDateTime(text)).toBeUndefined()
  })
})

it('ids are a prefix and thirteen characters', () => {
  expect(newId('req')).toMatch(/^req_[0-9a-hjkmnp-tv-z]{13}$/)
  expect(looksLikeId('ses_77aa', ['ses'])).toBe(true)
  expect(looksLikeId('req_77aa', ['ses'])).toBe(false)
  expect(looksLikeId('./ses_file', ['ses'])).toBe(false)
})

it('canonical JSON does not depend on the order of keys', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
      const turned = Object.fromEntries(Object.entries(value).toReversed())
      expect(canonicalJson(turned as Json)).toBe(canonicalJson(value as Json))
      expect(JSON.parse(canonicalJson(value as Json))).toEqual(JSON.parse(JSON.stringify(value)))
    }),
  )
})

it('canonical JSON writes strings as JSON.stringify does, and leaves out what is undefined', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 120 }), (text) => {
      expect(canonicalJson(text)).toBe(JSON.stringify(text))
      expect(canonicalJson({ [`${text}.`]: undefined, [text]: [text, 1.5] })).toBe(
        JSON.stringify({ [text]: [text, 1.5] }),
      )
    }),
  )
  for (const text of ['\ud800', 'a\udfffb', '\u001f', '"', '\\', '\u2028', 'é'.repeat(101)])
    expect(canonicalJson([text])).toBe(JSON.stringify([text]))
})

it('errors cross the network complete; an unknown code is INTERNAL', () => {
  const error = new PamError('NO_GRANT', 'no', { hint: 'ask', id: 'dec_1' })
  expect(toErrorBody(fromErrorBody(toErrorBody(error)))).toEqual(toErrorBody(error))
  expect(fromErrorBody({ code: 'constructor', message: 'x' }).code).toBe('INTERNAL')
})

it('characters that could deceive a reader are escaped', () => {
  expect(visible('a\u001b[31mb\u202ec\u200bd\r\u0007')).toBe('a\\u{1b}[31mb\\u{202e}c\\u{200b}d\\u{d}\\u{7}')
  expect(visible('tab\tand\nline, ünïcödé ☕')).toBe('tab\tand\nline, ünïcödé ☕')
})

it('visibleJson: the same value, without a character that a terminal acts on or a reader does not see', () => {
  // Every one of the first 65,536 code units and some beyond, in names and in values.
  const units = Array.from({ length: 0x10000 }, (_, unit) => String.fromCharCode(unit))
  const text = `${units.join('')}\u{e0041}\u{1f600}\u{e01ef}`
  for (const value of [text, { [text]: [text, { a: '\u009b31m\u202e' }] }]) {
    for (const indent of [0, 2]) {
      const json = visibleJson(JSON.stringify(value, null, indent))
      expect(JSON.parse(json)).toEqual(value)
      expect(visible(json) === json).toBe(true)
    }
  }
  expect(visibleJson('"\u009b\u202e\u{e0041}ü☕"')).toBe('"\\u009b\\u202e\\udb40\\udc41ü☕"')
})

it('shows a time of today without its date', () => {
  const now = new Date(2026, 10, 23, 15, 42)
  expect(clockTime(now.toISOString(), now)).toBe('15:42')
  expect(clockTime(new Date(2026, 10, 24, 9, 5).toISOString(), now)).toBe('2026-11-24 09:05')
})

it.each([
  ['NOT_SIGNED_IN', 4],
  ['NO_GRANT', 5],
  ['REQUEST_PENDING', 6],
  ['GATEWAY_UNREACHABLE', 7],
  ['USAGE', 2],
  ['INTERNAL', 1],
] as const)('%s ends with %i', (code, exit) => {
  expect(outcomeOf(new PamError(code, '')).code).toBe(exit)
})

describe('configuration errors name file, line and column', () => {
  const schema = z.strictObject({ a: z.object({ b: z.array(z.object({ c: z.number() })) }) })
  it.each([
    ['a:\n  b:\n    - c: x\n', /^f\.yaml:3:10: a\.b\.0\.c: .*number/],
    ['a: {b: []}\nd: 1\n', /^f\.yaml:2:1: the file: unknown key "d"/],
    ['a: [', /^f\.yaml:1:/],
    ['a: 1\na: 2\n', /^f\.yaml:2:1: .*unique/],
  ])('%j', (text, message) => {
    expect(() => parseYaml(text, 'f.yaml', schema)).toThrow(message)
  })

  const base = 'identity: { evaluation: { people: p.yaml } }\n'
  it.each([
    ['listen: { host: 0.0.0.0 }', /plain text is for loopback only/],
    ['targets: [{ name: A, type: postgres, host: h, database: d, user: u }]', /lower-case letters/],
    [
      'targets: [{ name: a, type: postgres, host: h, database: d, user: u, password: hunter2 }]',
      /expected a reference/,
    ],
    ['targets: [{ name: a, type: oracle, host: h, database: d, user: u }]', /postgres/],
    [
      'targets: [{ name: a, type: postgres, host: h, database: d, user: u }, { name: a, type: postgres, host: h, database: d, user: u }]',
      /"a" is used twice/,
    ],
    ['commands: [{ name: a, allow: true, deny: x }]', /exactly one of allow, deny and hold/],
    ['commands: [{ name: a }]', /exactly one of/],
    ['access: [{ name: a, grant: request, approvers: { groups: [x] }, maxDuration: soon }]', /a duration such as/],
    ['masking: [{ name: a, columns: [email] }]', /table\.column/],
    ['masking: [{ name: a }]', /names columns, fields, kinds or patterns/],
    ['comands: []', /comands/],
  ])('%s', (text, message) => {
    expect(() => parseConfig(`${base}${text}\n`, 'pam.yaml')).toThrow(message)
  })

  it('a secret in the file is not repeated in the error', () => {
    try {
      parseConfig(
        `${base}targets: [{ name: a, type: postgres, host: h, database: d, user: u, password: hunter2 }]\n`,
        'pam.yaml',
      )
    } catch (error) {
      expect((error as Error).message).not.toContain('hunter2')
    }
  })

  it('requires an issuer', () => {
    expect(() => parseConfig('targets: []\n', 'pam.yaml')).toThrow(/needs issuers/)
  })
})
