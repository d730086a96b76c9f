import { describe, expect, it } from 'vitest'
import { readYaml } from '../../../../src/protocols/kubernetes/request/read-yaml.ts'

describe('bodies in YAML', () => {
  const keys = (count: number): string => Array.from({ length: count }, (_, index) => `k${index}: v\n`).join('')

  it('are read up to a length, whatever is in them', () => {
    expect(readYaml(keys(1000))).toMatchObject({ value: { k0: 'v', k999: 'v' } })
    expect(readYaml(keys(200_000))).toHaveProperty('failure')
  })

  it.each(['a: 1\na: 2\n', '{a: 1, b: 2, "a": 3}', 'x: {a: 1, a: 1}'])('have no key twice: %j', (text) => {
    expect(readYaml(text)).toHaveProperty('failure')
  })
})
