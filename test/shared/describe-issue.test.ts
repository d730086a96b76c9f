import { expect, it } from 'vitest'
import { z } from 'zod'
import { describeIssue } from '../../src/shared/describe-issue.ts'

const said = (schema: z.ZodType, value: unknown): string | undefined =>
  schema.safeParse(value, { error: describeIssue }).error?.issues[0]?.message

it.each([
  [z.string(), undefined, 'is required'],
  [z.string(), null, 'expected text, not an empty value'],
  [z.string(), {}, 'expected text, not a map'],
  [z.number(), 'CANARY', 'expected a number, not text'],
  [z.boolean(), 3, 'expected true or false, not a number'],
  [z.array(z.string()), 'CANARY', 'expected a list, not text'],
  [z.object({}), [], 'expected a map, not a list'],
  [z.record(z.string(), z.string()), true, 'expected a map, not true or false'],
  [z.number().int(), 1.5, 'expected a whole number, not a fraction'],
  [z.coerce.number(), 'CANARY', 'expected a number'],
  [z.number().min(1), 0, 'expected at least 1'],
  [z.number().positive(), 0, 'expected more than 0'],
  [z.number().max(5), 6, 'expected at most 5'],
  [z.string().min(4), 'a', 'expected at least 4 characters'],
  [z.string().min(1), '', 'expected at least 1 character'],
  [z.array(z.string()).min(1), [], 'expected at least 1 item'],
  [z.string().max(2), 'CANARY', 'expected at most 2 characters'],
  [z.url(), 'CANARY', 'expected a URL, such as https://pam.example.com'],
  [z.iso.datetime(), 'CANARY', 'expected a time in UTC, such as 2026-01-31T12:00:00Z'],
  [z.string('a schema of its own words'), 1, 'a schema of its own words'],
])('describes what is wrong without the value: %#', (schema, value, words) => {
  expect(said(schema, value)).toBe(words)
})
