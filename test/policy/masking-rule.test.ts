import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { maskingRule } from '../../src/policy/masking-rule.ts'
import { parseYaml } from '../../src/shared/yaml-file.ts'

const schema = z.strictObject({ masking: z.array(maskingRule) })
const parse = (text: string) => parseYaml(text, 'f', schema)

describe('a masking rule', () => {
  it.each([
    ['{ name: m }', 'names columns, fields, kinds or patterns'],
    ['{ name: m, patterns: [{ name: p, pattern: "(" }] }', 'not a usable pattern'],
    ['{ name: m, patterns: [{ name: p, pattern: "a*" }] }', 'matches the empty text'],
    ['{ name: m, columns: [t.c], maxComparisons: 0 }', 'masking.0.maxComparisons'],
    ['{ name: m, fields: ["/a:/b"], exceptWhere: [type=x] }', 'exceptWhere is for fields as OWNER:PATH'],
  ])('%s is refused', (rule, message) => {
    expect(() => parse(`masking: [${rule}]`)).toThrow(message)
  })

  it('finds every value that its pattern matches', () => {
    const [rule] = parse('masking: [{ name: m, patterns: [{ name: p, pattern: "E-[0-9]+" }] }]').masking
    expect(rule?.patterns[0]?.find('a E-1, E-22')).toEqual([
      { start: 2, end: 5 },
      { start: 7, end: 11 },
    ])
  })
})
