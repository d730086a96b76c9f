import { jsonOption, type AddCommand } from '../command.ts'
import { UsageError } from '../../shared/errors.ts'
import type { CliContext } from '../context.ts'
import { Exit } from '../exit-codes.ts'
import { visible } from '../../shared/visible.ts'

/** `pamctl policy explain TARGET`: what you may do there, and why not more. `policy test TARGET COMMAND`: what the rules say of it. */
export const policy: AddCommand = (program, run) => {
  const group = program.command('policy').description('what the rules say')
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
          for (const { rule, applies, text } of rules) io.print(visible(`  ${applies ? '✓' : '·'} ${rule}: ${text}`))
          if (rules.length === 0) io.print('  no rules')
        }
        io.print(
          visible(
            `${explanation.target}: ${explanation.access === undefined ? 'no access' : `${explanation.access.text} (rule "${explanation.access.rule}")`}`,
          ),
        )
        section('Access (the first rule that matches decides)', explanation.accessRules)
        section(
          'Commands (for each statement the first rule that matches decides; nothing else runs)',
          explanation.commands,
        )
        section('Masking (all that apply)', explanation.masking)
      }),
    )
  group
    .command('test <target> <command>')
    .description('evaluate a command against policy without running it: 0 allowed, 5 refused, 6 held')
    .option('--groups <list>', 'of somebody in these groups, separated by commas (auditors and operators)')
    .option('--service', 'with --groups: of a service')
    .addOption(jsonOption())
    .action(run(testCommand))
}

async function testCommand(
  { io, client }: CliContext,
  target: string,
  command: string,
  options: { groups?: string; service?: boolean; json?: boolean },
): Promise<void> {
  if (options.service === true && options.groups === undefined)
    throw new UsageError('--service says what somebody else is', 'give --groups as well')
  const groups = options.groups?.split(',').map((name) => name.trim())
  const trial = await (
    await client()
  ).policy.try({
    target,
    command,
    ...(groups === undefined
      ? {}
      : { person: { groups: groups.filter((name) => name !== ''), kind: options.service ? 'service' : 'person' } }),
  })
  const { verdict, rule, message, approvers } = trial.judgement
  if (options.json === true) io.json(trial)
  else {
    const by = rule === undefined ? 'by no rule' : `by "${rule}"`
    io.print(
      visible(
        `${WORDS[verdict]} ${by}${approvers === undefined ? '' : `, for ${approvers}`}${message === undefined ? '' : `: ${message}`}`,
      ),
    )
    if (trial.access === undefined) io.note('no access rule lets them have this target, so nothing runs at all')
    for (const { kind, reads, writes, unknown, rules } of trial.statements) {
      const effect = [
        kind,
        ...labelled('reads', reads),
        ...labelled('writes', writes),
        ...labelled('not known:', unknown),
      ]
      io.print(visible(effect.join(', ')))
      for (const { rule: name, result, why } of rules) io.print(visible(`  ${MARKS[result]} ${name}: ${why}`))
    }
  }
  if (verdict !== 'allow') throw new Exit(verdict === 'hold' ? 6 : 5)
}

const labelled = (label: string, names: readonly string[]): string[] =>
  names.length === 0 ? [] : [`${label} ${names.join(', ')}`]

const WORDS = { allow: 'allowed', deny: 'refused', hold: 'held' } as const
const MARKS = { decides: '✓', fits: '+', not: '·' } as const
