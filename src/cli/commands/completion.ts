import { Argument } from 'commander'
import type { AddCommand } from '../command.ts'
import { isSafe, known, lineOf } from '../completion/candidates.ts'
import { readLine } from '../completion/read-line.ts'
import { SHELLS, type Shell } from '../completion/shells.ts'
import { createContext, type CliContext } from '../context.ts'
import { Exit } from '../exit-codes.ts'

/** `pamctl completion SHELL`: prints what a shell loads; `complete` is what it runs then. */
export const completion: AddCommand = (program, run) => {
  program
    .command('completion')
    .description('print the completion script of a shell')
    .addArgument(new Argument('<shell>', 'shell that loads it').choices(Object.keys(SHELLS)))
    .action(run(async ({ io }: CliContext, shell: Shell) => io.print(SHELLS[shell])))
  program
    .command('complete [words...]', { hidden: true })
    .option('--new-word', 'the last word is complete')
    .action(
      run(async (context: CliContext, words: readonly string[], options: { readonly newWord?: boolean }) => {
        const { io } = context
        const { typed, before, candidates, kind, files, globals } = readLine(
          program,
          options.newWord === true ? [...words, ''] : words,
        )
        const own = Object.keys(globals).length === 0 ? context : withOptions(context, globals)
        const found = [...candidates, ...(kind === undefined ? [] : await known(own, kind).catch(() => []))]
        const seen = new Set<string>()
        for (const { value, description } of found) {
          if (!value.startsWith(typed) || !isSafe(value) || seen.has(value)) continue
          seen.add(value)
          io.print(lineOf({ value: `${before}${value}`, description }))
        }
        if (files) io.print(':files')
        own.close()
        throw new Exit(0, { endsNow: true })
      }),
    )
}

const withOptions = (context: CliContext, more: Readonly<Record<string, string>>): CliContext =>
  createContext(context.io, { ...context.options, ...more }, context)
