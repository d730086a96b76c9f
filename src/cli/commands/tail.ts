import { jsonOption, type AddCommand } from '../command.ts'
import type { CliContext } from '../context.ts'
import { needId } from '../ids.ts'
import { liveEvent } from '../record-source.ts'
import { describeEvent } from '../../recording/timeline.ts'

/** `pamctl tail ID`: a live session as it happens. */
export const tail: AddCommand = (program, run) => {
  program
    .command('tail <session>')
    .description('follow a session as it happens')
    .addOption(jsonOption())
    .action(
      run(async ({ io, client }: CliContext, session: string, options: { json?: boolean }) => {
        needId(session, 'ses')
        for await (const line of (await client()).sessions.tail(session)) {
          if (options.json === true) {
            io.jsonLine({ text: line })
            continue
          }
          const { event, data } = liveEvent(line)
          for (const text of describeEvent(event, data)) io.print(text)
        }
      }),
    )
}
