import { expect, it } from 'vitest'
import { maskKinds } from '../../../src/masking/replace.ts'

const KEYS = { session: Buffer.from('s'), target: Buffer.from('t') }
const kinds = [{ kind: 'cloud-key', style: 'redact', hashScope: 'session' }] as const

/** The prefixes of identifiers of keys in AWS (IAM User Guide, Understanding unique ID prefixes), and those of other providers. */
it.each<readonly [string, string]>([
  ...['AKIA', 'ASIA', 'AROA', 'AIDA', 'ABIA', 'ACCA'].map((prefix) => [prefix, `${prefix}IOSFODNN7EXAMPLE`] as const),
  ['AIza', `AIza${'x'.repeat(35)}`],
  ...['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_'].map((prefix) => [prefix, `${prefix}${'x1'.repeat(18)}`] as const),
  ['github_pat_', `github_pat_${'x'.repeat(22)}`],
  ['glpat-', `glpat-${'x'.repeat(20)}`],
  ['xoxb-', `xoxb-${'1'.repeat(10)}`],
  ...['sk_live_', 'rk_live_', 'pk_test_'].map((prefix) => [prefix, `${prefix}${'x'.repeat(16)}`] as const),
  ['sk-ant-', `sk-ant-${'x'.repeat(20)}`],
  ['npm_', `npm_${'x'.repeat(36)}`],
])('a key that begins with %s is hidden whole, in a sentence and alone', (_, key) => {
  expect(maskKinds(key, kinds, KEYS)).toBe('****')
  expect(maskKinds(`key: "${key}".`, kinds, KEYS)).toBe('key: "****".')
})
