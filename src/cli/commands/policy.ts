import { jsonOption, type AddCommand } from '../command.ts'
import type { CliContext } from '../context.ts'
import { visible } from '../../shared/visible.ts'

/** `pamctl policy explain TARGET`: what you may do there, and why not more. */
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
        section('Access (the first rule that fits decides)', explanation.accessRules)
        section(
          'Commands (for each statement the first rule that fits decides; nothing else runs)',
          explanation.commands,
        )
        section('Masking (all that apply)', explanation.masking)
      }),
    )
}
