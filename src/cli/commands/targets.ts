import { jsonOption, type AddCommand } from '../command.ts'
import type { CliContext } from '../context.ts'

/** `pamctl targets`: what you may have, and how. */
export const targets: AddCommand = (program, run) => {
  program
    .command('targets')
    .description('list the targets available to you')
    .addOption(jsonOption())
    .action(run(listTargets))
}

export async function listTargets(
  { io, client }: Pick<CliContext, 'io' | 'client'>,
  options: { json?: boolean },
): Promise<void> {
  const items = await (await client()).targets()
  if (options.json) return io.json(items)
  if (items.length === 0) return io.note('no targets')
  await io.table(items, {
    NAME: ({ name }) => name,
    TYPE: ({ type }) => type,
    LABELS: ({ labels }) =>
      Object.entries(labels)
        .map((pair) => pair.join('='))
        .join(','),
    ACCESS: ({ access }) => access,
    ...(items.some(({ appUrl }) => appUrl !== undefined) ? { APP: ({ appUrl = '' }) => appUrl } : {}),
  })
}
