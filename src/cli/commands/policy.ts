import { jsonOption, timeOption, type AddCommand } from '../command.ts'
import { UsageError } from '../../shared/errors.ts'
import type { CliContext } from '../context.ts'
import { Exit } from '../exit-codes.ts'
import { visible } from '../../shared/visible.ts'

/** `pamctl policy explain TARGET`: what you may do there, and why not more. `policy test TARGET COMMAND`: what the rules say of it. */
export const policy: AddCommand = (program, run) => {
  const group = program.command('policy').description('show what the policy allows, and test it')
  group
    .command('explain <target>')
    .description('show what you may do on a target, rule by rule')
    .addOption(jsonOption())
    .action(
      run(async ({ io, client }: CliContext, target: string, options: { json?: boolean }) => {
        const explanation = await (await client()).explain(target)
        if (options.json) return io.json(explanation)
        const section = (title: string, rules: readonly { rule: string; applies: boolean; text: string }[]): void => {
          io.print(title)
          const lines = rules.map(({ rule, applies, text }) => ({ rule, text, mark: applies ? '✓' : NOT }))
          for (const line of ruleLines(lines)) io.print(visible(line))
          if (rules.length === 0) io.print('  no rules')
        }
        io.print(
          visible(
            `${explanation.target}: ${explanation.access === undefined ? 'no access' : `${explanation.access.text} (rule "${explanation.access.rule}")`}`,
          ),
        )
        const now = explanation.access?.now
        if (now !== undefined) io.print(visible(`  requested now: ${now}`))
        section('Access (the first rule that matches decides)', explanation.accessRules)
        section(
          'Commands (the first rule that matches a statement decides; what no rule matches is denied)',
          explanation.commands,
        )
        section('Masking (all that apply)', explanation.masking)
      }),
    )
  group
    .command('test <target> <command>')
    .description('evaluate a command against policy without running it: exit code 0 allowed, 5 denied, 6 held')
    .option('--groups <list>', 'evaluate for a person in these groups, separated by commas (auditors and operators)')
    .option('--service', 'with --groups: evaluate for a service')
    .addOption(timeOption('--at <time>', 'when access would be requested, for rules with hours; default: now'))
    .addOption(jsonOption())
    .action(run(testCommand))
}

async function testCommand(
  { io, client }: CliContext,
  target: string,
  command: string,
  options: { groups?: string; service?: boolean; at?: number; json?: boolean },
): Promise<void> {
  if (options.service === true && options.groups === undefined)
    throw new UsageError('--service needs --groups', 'add --groups LIST')
  const groups = options.groups?.split(',').map((name) => name.trim())
  const trial = await (
    await client()
  ).policy.try({
    target,
    command,
    ...(groups === undefined
      ? {}
      : { person: { groups: groups.filter((name) => name !== ''), kind: options.service ? 'service' : 'person' } }),
    ...(options.at === undefined ? {} : { at: new Date(options.at).toISOString() }),
  })
  const { verdict, rule, message, approvers } = trial.judgement
  if (options.json === true) io.json(trial)
  else {
    // What nobody can get to is said before what would happen there.
    if (trial.access === undefined)
      io.print('no access: no access rule grants this target, so nothing would run; with access, the command would be')
    const by = rule === undefined ? '' : ` by "${rule}"`
    io.print(
      visible(
        `${WORDS[verdict]}${by}${approvers === undefined ? '' : `, for ${approvers}`}${message === undefined ? '' : `: ${message}`}`,
      ),
    )
    const now = trial.access?.now
    if (now !== undefined) io.note(visible(`access requested ${options.at === undefined ? 'now' : 'then'}: ${now}`))
    for (const { kind, reads, writes, unknown, rules } of trial.statements) {
      const effect = [
        kind,
        ...labelled('reads', reads),
        ...labelled('writes', writes),
        ...labelled('unknown effect:', unknown),
      ]
      io.print(visible(effect.join(', ')))
      const lines = rules.map(({ rule: name, result, why }) => ({ rule: name, text: why, mark: MARKS[result] }))
      for (const line of ruleLines(lines)) io.print(visible(line))
    }
    if (verdict !== 'deny')
      for (const { rule: name, text } of trial.masking ?? []) io.print(visible(`in results, "${name}" ${text}`))
  }
  if (verdict !== 'allow') throw new Exit(verdict === 'hold' ? 6 : 5)
}

/** A line for each rule, in their order; then those that do not match, together where they have one reason. */
function ruleLines(
  rules: readonly { readonly rule: string; readonly text: string; readonly mark: string }[],
): string[] {
  const together = new Map<string, string[]>()
  for (const { rule, text, mark } of rules) if (mark === NOT) together.set(text, [...(together.get(text) ?? []), rule])
  const isShared = (text: string): boolean => (together.get(text)?.length ?? 0) > 1
  return [
    ...rules.flatMap(({ rule, text, mark }) => (mark === NOT && isShared(text) ? [] : [`  ${mark} ${rule}: ${text}`])),
    ...[...together].flatMap(([text, names]) => (names.length > 1 ? [`  ${NOT} ${text}: ${someOf(names)}`] : [])),
  ]
}

/** `"a", "b", "c" and 4 more`. */
const someOf = (names: readonly string[]): string => {
  const shown = names.slice(0, MAX_NAMES).map((name) => `"${name}"`)
  const rest = names.length - shown.length
  return `${shown.join(', ')}${rest === 0 ? '' : ` and ${rest} more`}`
}

const MAX_NAMES = 3
const NOT = '·'

const labelled = (label: string, names: readonly string[]): string[] =>
  names.length === 0 ? [] : [`${label} ${names.join(', ')}`]

const WORDS = { allow: 'allowed', deny: 'denied', hold: 'held' } as const
const MARKS = { decides: '✓', fits: '+', not: NOT } as const
