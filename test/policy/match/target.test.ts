import { expect, it } from 'vitest'
import { matchesTarget } from '../../../src/policy/match/target.ts'

const prod = { name: 'prod-db', type: 'postgres', labels: { env: 'prod', tier: '1' } }

it.each([
  ['all targets', {}, true],
  ['any of these names', { names: ['other', 'prod-db'] }, true],
  ['another name', { names: ['prod'] }, false],
  ['all of these labels', { labels: { env: 'prod', tier: '1' } }, true],
  ['one of them with another value', { labels: { env: 'prod', tier: '2' } }, false],
  ['a label that it does not have', { labels: { team: 'x' } }, false],
  ['what every object has', { labels: { constructor: 'Object' } }, false],
  ['the name, with another label', { names: ['prod-db'], labels: { env: 'dev' } }, false],
  ['no labels in particular', { labels: {} }, true],
])('%s', (_what, selector, expected) => {
  expect(matchesTarget(selector, prod)).toBe(expected)
})
