import { z } from 'zod'
import { parsePointerPattern } from '../shared/field-path.ts'
import { renamedKeys } from '../shared/yaml-file.ts'
import { patternKind } from './pattern-kind.ts'
import { checkColumn, checkField, checkFieldValue, patternList } from './patterns.ts'
import { maskingKinds, maskingStyles, sideChannels, type CustomKind } from './policy.ts'
import { ruleName, targets, who } from './rule-schemas.ts'

const pattern = z
  .strictObject({ name: z.string().min(1), pattern: z.string().min(1) })
  .transform((given, context): CustomKind => {
    try {
      return patternKind(given)
    } catch (error) {
      context.addIssue({
        code: 'custom',
        path: ['pattern'],
        message: `not a usable pattern: ${(error as Error).message}`,
      })
      return z.NEVER
    }
  })

const isPointerPattern = (field: string): boolean => parsePointerPattern(field) !== undefined

/** What is masked in results: the same in the words of every protocol. */
export const maskingRule = z
  .strictObject({
    name: ruleName,
    targets,
    columns: patternList(checkColumn).default([]).describe('table.column or schema.table.column; * matches any'),
    fields: patternList(checkField)
      .default([])
      .describe(
        'fields of objects as OWNER:PATH, for instance secrets:data.* on Kubernetes, or values in JSON as ROUTE:POINTER or OPERATION:POINTER, for instance /customers/{id}:/contact/email on HTTP services; * matches any name',
      ),
    exceptWhere: patternList(checkFieldValue)
      .default([])
      .describe('PATH=VALUE: fields are shown in objects that have this value there, such as type=helm.sh/release.v1'),
    kinds: z.array(z.enum(maskingKinds)).default([]).describe('kinds of data, found by their content in any column'),
    patterns: z.array(pattern).default([]).describe('kinds of your own: a name and an RE2 pattern'),
    style: z
      .enum(maskingStyles)
      .default('partial')
      .describe(
        'partial: j***@***.com; redact: ****; null: NULL; keep-last-4: ****1234; hash: the same for the same value within a session',
      ),
    sideChannels: z
      .enum(sideChannels)
      .default('deny')
      .describe(
        'what statements may do with masked columns that would reveal their values (WHERE, JOIN, ORDER BY and the like): deny: nothing; equality: compare them with literals and parameters, counted; allow: everything',
      ),
    maxComparisons: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(20)
      .describe('with sideChannels: equality, how many values may be compared under one grant'),
    copying: z.boolean().default(false).describe('true: statements may store these columns where they are not masked'),
    hashScope: z
      .enum(['session', 'target'])
      .default('session')
      .describe('with style hash: the same value has the same stand-in within a session, or everywhere on the target'),
    except: who.unwrap().optional().describe('who sees the values unmasked'),
  })
  .refine(
    (rule) => rule.columns.length + rule.fields.length + rule.kinds.length + rule.patterns.length > 0,
    'a masking rule names columns, fields, kinds or patterns',
  )
  .refine((rule) => rule.exceptWhere.length === 0 || !rule.fields.some(isPointerPattern), {
    path: ['exceptWhere'],
    message: 'exceptWhere is for fields as OWNER:PATH: answers of HTTP services are masked as they arrive',
  })
  .register(renamedKeys, { guesses: 'maxComparisons' })
