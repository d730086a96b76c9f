import { expect, it } from 'vitest'
import { requestCommand } from '../../src/shared/request-command.ts'

it('names the target, an hour at most, and that a reason is given', () => {
  expect(requestCommand('prod-db')).toBe('pamctl request prod-db --reason "…"')
  expect(requestCommand('prod-db', 8 * 3_600_000)).toBe('pamctl request prod-db --for 1h --reason "…"')
  expect(requestCommand('prod-db', 600_000)).toBe('pamctl request prod-db --for 10m --reason "…"')
})

it('is one command whatever the target was called', () => {
  expect(requestCommand("x; rm -rf '~'")).toBe(`pamctl request 'x; rm -rf '\\''~'\\''' --reason "…"`)
  expect(requestCommand('a\nb')).toBe(`pamctl request 'a\\u{a}b' --reason "…"`)
})
