import { createHash } from 'node:crypto'
import { z } from 'zod'
import { canonicalJson, type Json } from '../shared/canonical-json.ts'
import { duration } from '../shared/duration-schema.ts'
import { didYouMean } from '../shared/nearest-word.ts'
import { visible } from '../shared/visible.ts'
import { autoApproval, autoApprovalProblems } from './auto-approval.ts'
import { parseCondition } from './condition.ts'
import { foreignWords, renamedKeys } from '../shared/yaml-file.ts'
import { checkKind, checkLogin, patternList } from './patterns.ts'
import type { PolicyLanguage } from './language.ts'
import { maskingRule } from './masking-rule.ts'
import type { CommandRule, HoldEffect, StatementMatch, Policy } from './policy.ts'
import { approvers, breakGlass, breakGlassProblems, ruleName, targets, who } from './rule-schemas.ts'

const policyTest = z.strictObject({
  given: z.string().min(1).describe('a command, as it is sent to the target'),
  target: z.string().min(1).describe('the target that it is sent to'),
  groups: z.array(z.string()).default([]).describe('the groups of the person or service that sends it'),
  kind: z.enum(['person', 'service']).default('person'),
  expect: z.enum(['allow', 'deny', 'hold']),
  rule: z.string().optional().describe('the rule that must decide'),
})

export type PolicyTest = z.output<typeof policyTest>

/** The rules of a ready-made set, for the people and targets that it is used for. */
function useRuleSet(
  language: PolicyLanguage,
  use: string,
  given: {
    allow?: true | undefined
    deny?: string | undefined
    hold?: HoldEffect | undefined
    match: StatementMatch
    name?: string | undefined
  } & Pick<CommandRule, 'who' | 'targets' | 'when' | 'hint'>,
  context: z.RefinementCtx,
): CommandRule[] {
  const sets = Object.entries(language.protocols).flatMap(([targetType, { ruleSets }]) => {
    const set = ruleSets[use]
    return set === undefined ? [] : [{ targetType, set }]
  })
  const [{ set }] = sets as [(typeof sets)[number]]
  const problem = (message: string): never => {
    context.addIssue({ code: 'custom', path: ['use'], message })
    return z.NEVER
  }
  if (given.allow !== undefined || given.deny !== undefined || Object.keys(given.match).length > 0)
    return problem('a ready-made set has its own allow, deny and match: give only who, targets and when')
  if ((set.effect === 'hold') !== (given.hold !== undefined))
    return problem(
      set.effect === 'hold'
        ? `${use} needs hold, with the approvers`
        : `${use} ${set.effect === 'allow' ? 'allows' : 'refuses'} by itself: it takes no hold`,
    )
  const { who, targets, when, hint, hold } = given
  return sets.flatMap(({ targetType, set }) =>
    set.rules.map((rule): CommandRule => ({
      name: `${given.name ?? use}: ${rule.name}`,
      who,
      targets,
      when,
      hint: hint ?? rule.hint,
      match: rule.match,
      effect:
        hold !== undefined
          ? { type: 'hold', ...hold }
          : (rule.effect ?? set.effect) === 'allow'
            ? { type: 'allow' }
            : { type: 'deny', message: rule.message },
      set: use,
      targetType,
    })),
  )
}

/** The schemas of a language. Made once: zod compiles each on its first use, and every draft of the API is read with them. */
export function policySchemas(language: PolicyLanguage): PolicySchemas {
  const known = schemasOf.get(language)
  if (known !== undefined) return known
  const made = makeSchemas(language)
  schemasOf.set(language, made)
  return made
}

const schemasOf = new WeakMap<PolicyLanguage, PolicySchemas>()

type PolicySchemas = ReturnType<typeof makeSchemas>

/** `when:` of a rule. */
const condition = (scope: 'access' | 'command', language: PolicyLanguage) =>
  z
    .string()
    .describe('a CEL expression that must be true for the rule to match')
    .transform((source, context) => {
      try {
        return parseCondition(source, scope, language)
      } catch (error) {
        context.addIssue({ code: 'custom', message: `not a usable condition: ${(error as Error).message}` })
        return z.NEVER
      }
    })
    .optional()

/** An entry of `access:`. */
const accessRuleIn = (language: PolicyLanguage) =>
  z
    .strictObject({
      name: ruleName,
      who,
      targets,
      when: condition('access', language),
      grant: z
        .enum(['standing', 'request', 'break-glass'])
        .describe(
          'standing: given at connect; request: given when an approver agrees; break-glass: taken in an emergency, announced and reviewed',
        ),
      maxDuration: duration
        .default(12 * 3_600_000)
        .describe(
          'how long a grant may last; standing: how long each one lasts; default: 12h; break-glass: needed, at most 4h',
        ),
      approvers: approvers.optional().describe('who approves requests; needed where grant is request'),
      autoApprove: autoApproval
        .optional()
        .describe('what approves requests without a person; for rules with one approver and without stepUp'),
      breakGlass: breakGlass.optional().describe('terms of access in an emergency; needed where grant is break-glass'),
      reason: z.enum(['required', 'optional']).default('required').describe('whether a request must give a reason'),
      logins: patternList(checkLogin).describe(
        'the accounts that may be used, where a target has several; default: all',
      ),
    })
    .superRefine((rule, context) => {
      if (rule.grant === 'request' && rule.approvers === undefined) {
        context.addIssue({ code: 'custom', path: ['approvers'], message: 'a rule with grant: request needs approvers' })
      }
      for (const { path, message } of [...breakGlassProblems(rule), ...autoApprovalProblems(rule)])
        context.addIssue({ code: 'custom', path, message })
    })
    .register(renamedKeys, { longest: 'maxDuration' })

/** `match:` of a command rule: the words of all protocols. */
const matchIn = (language: PolicyLanguage): z.ZodType<StatementMatch> => {
  const exampleKinds = new Set(Object.values(language.protocols).flatMap(({ kinds }) => kinds.slice(0, 2)))
  return z
    .strictObject({
      kinds: patternList(checkKind(language)).describe(
        `kinds of commands, such as ${[...exampleKinds].join(', ')}; drop-* matches every kind that begins so`,
      ),
      ...Object.fromEntries(
        language.vocabularies.flatMap(({ fields }) =>
          Object.entries(fields).map(([word, { schema }]) => [word, schema] as const),
        ),
      ),
      unknown: z.boolean().optional().describe('true: also commands whose effect the gateway cannot determine'),
    })
    .register(foreignWords, Object.assign({}, ...language.vocabularies.map(({ otherWords }) => otherWords)))
    .default({})
}

const hold = z.strictObject({
  approvers,
  expires: duration.default(15 * 60_000).describe('how long it waits; default: 15m'),
  inTransaction: z
    .enum(['wait', 'refuse'])
    .default('wait')
    .describe('within an open transaction: wait with its locks held, or refuse to wait'),
  covers: z
    .enum(['parameters', 'statement'])
    .default('parameters')
    .describe('an approval is for these parameters, once; or for the statement with any, while the session lasts'),
  per: z
    .enum(['request', 'command'])
    .default('request')
    .describe(
      'one approval for each request; or one for the requests of a single client command that do the same, such as the deletions of one kubectl delete',
    ),
  batch: z
    .boolean()
    .default(false)
    .describe(
      'true: where one text has statements that several such rules hold, people who may decide on all of them approve it as one; false: these statements must be sent separately',
    ),
})

/** An entry of `commands:`. A ready-made set is several rules. */
const commandRuleIn = (language: PolicyLanguage) => {
  const sets = Object.entries(language.protocols).map(([type, { ruleSets }]) => [type, Object.keys(ruleSets)] as const)
  const setNames = [...new Set(sets.flatMap(([, names]) => names))]
  const noSuchSet = ({ input }: { input?: unknown }): string => {
    const given = `there is no rule set ${visible(JSON.stringify(input))}`
    const meant = didYouMean(String(input), setNames)
    if (meant !== '') return given + meant
    const lists = sets.flatMap(([type, names]) => (names.length === 0 ? [] : [`${type} has ${names.join(', ')}`]))
    return `${given}: ${lists.join('; ')}`
  }
  return z
    .strictObject({
      name: ruleName.optional(),
      use: z
        .enum(setNames, { error: noSuchSet })
        .optional()
        .describe('a ready-made set of rules instead of one of your own'),
      who,
      targets,
      when: condition('command', language),
      match: matchIn(language),
      allow: z.literal(true).optional().describe('the command runs'),
      deny: z.string().min(1).optional().describe('the command is denied with this message'),
      hold: hold.optional().describe('the command waits for a person'),
      hint: z.string().optional().describe('what to do instead, shown with a denial'),
    })
    .transform((entry, context) => rulesOf(language, entry, context))
}

/** What an entry of `commands:` says, before it is known whether its parts fit together. */
type CommandEntry = Omit<CommandRule, 'name' | 'effect' | 'set' | 'targetType'> & {
  readonly name?: string | undefined
  readonly use?: string | undefined
  readonly allow?: true | undefined
  readonly deny?: string | undefined
  readonly hold?: z.output<typeof hold> | undefined
}

function rulesOf(language: PolicyLanguage, entry: CommandEntry, context: z.RefinementCtx): CommandRule[] {
  const { allow, deny, hold: held, use, ...rest } = entry
  if (use !== undefined) return useRuleSet(language, use, { allow, deny, hold: held, ...rest }, context)
  const { name } = rest
  if (name === undefined) {
    context.addIssue({ code: 'custom', path: ['name'], message: '`name` is required' })
    return z.NEVER
  }
  const rule = { ...rest, match: language.completed(rest.match), name }
  const effects = [
    allow === undefined ? undefined : { type: 'allow' as const },
    deny === undefined ? undefined : { type: 'deny' as const, message: deny },
    held === undefined ? undefined : { type: 'hold' as const, ...held },
  ].filter((effect) => effect !== undefined)
  const [effect] = effects
  if (effects.length === 1 && effect !== undefined) return [{ ...rule, effect }]
  context.addIssue({ code: 'custom', message: 'a command rule has exactly one of allow, deny and hold' })
  return z.NEVER
}

/** The lists of the configuration file that make the policy, and its tests, in the words of all protocols. */
function makeSchemas(language: PolicyLanguage) {
  const policyShape = {
    access: z
      .array(accessRuleIn(language))
      .default([])
      .describe('who may connect to which targets; the first rule that matches decides'),
    // Each entry as a list: a ready-made set is several rules.
    commands: z
      .array(commandRuleIn(language))
      .default([])
      .describe('what may run inside a session; the first rule that matches decides'),
    tests: z
      .array(policyTest)
      .default([])
      .describe('statements and what the rules must say of them; `pam-gateway check` runs them'),
    masking: z.array(maskingRule).default([]).describe('what is masked in results; every rule that matches applies'),
  }

  return {
    policyShape,
    /** Command rules to try in place of those in force. */
    draftSchema: z.strictObject({ commands: policyShape.commands }),
    /** The policy, versioned by a digest of its rules: any edit makes approvals given under the old rules void. */
    toPolicy: ({ access, commands: entries, masking }: Omit<ParsedLists<typeof policyShape>, 'tests'>): Policy => {
      const commands = entries.flat()
      const text = canonicalJson(JSON.parse(JSON.stringify({ access, commands, masking })) as Json)
      const version = createHash('sha256').update(text).digest('hex').slice(0, 16)
      return { version, language, access, commands, masking: masking.map((rule) => ({ ...rule, except: rule.except })) }
    },
  }
}

type ParsedLists<S extends z.core.$ZodShape> = z.output<z.ZodObject<S>>
