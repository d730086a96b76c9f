import { InvalidArgumentError, Option } from 'commander'
import type { DetachedText } from '../../api/schemas/recording.ts'
import { durationOption, jsonOption, type AddCommand } from '../command.ts'
import type { CliContext } from '../context.ts'
import { describeEvent } from '../../recording/timeline.ts'
import { playTerminal } from '../output/player.ts'
import { identityOption, readEvents } from '../record-source.ts'
import { pauses } from '../output/pauses.ts'

interface ReplayOptions {
  readonly speed?: number
  readonly maxIdle?: number
  readonly json?: boolean
  readonly identity?: string
  readonly withTexts?: boolean
}

/** `pamctl replay ID|FILE`: what happened in a session. */
export const replay: AddCommand = (program, run) => {
  program
    .command('replay <session-or-file>')
    .description('show what happened in a session, or play back its terminal')
    .addOption(new Option('--speed <factor>', 'playback speed; 1 is real time').argParser(speed))
    .addOption(durationOption('--max-idle <length>', 'wait no longer than this between events', 'PAMCTL_MAX_IDLE'))
    .option('--with-texts', 'include detached texts, the originals of commands that could not be parsed (auditors)')
    .addOption(identityOption())
    .addOption(jsonOption())
    .action(run(showRecord))
}

async function showRecord(context: CliContext, source: string, options: ReplayOptions): Promise<void> {
  const { io } = context
  const texts = options.withTexts ? await detachedTexts(context, source) : new Map<string, DetachedText>()
  const events = readEvents(context, source, { ...options, purpose: 'viewed' })
  const wait = pauses({ speed: options.speed, maxIdle: options.maxIdle })
  for await (const { event, data } of events) {
    if (event.type === 'terminal' && options.json !== true && io.interactive && io.stdoutIsTerminal) {
      // Awaited here: to leave the loop closes the events that are still to be played.
      await playTerminal({ event, data }, events, {
        speed: options.speed ?? 1,
        maxIdle: options.maxIdle,
        again: () => readEvents(context, source, { ...options, purpose: 'viewed' }),
      })
      return
    }
    await wait(event.ms)
    if (options.json === true)
      io.jsonLine({ value: data === undefined ? event : { ...event, data: data.toString('base64') } })
    else {
      for (const line of describeEvent(event, data)) io.print(line)
      const reference = event.type === 'command' ? event.apart : undefined
      const found = reference && texts.get(reference.id)
      if (found === undefined) continue
      // The record verifies without the text, so the text is compared with its digest here.
      const text = found.sha256 === reference?.sha256 ? found.text : '(stored text does not match the recorded digest)'
      for (const line of describeEvent({ ...event, type: 'notice', message: text })) io.print(line)
    }
  }
}

async function detachedTexts({ client }: CliContext, session: string): Promise<Map<string, DetachedText>> {
  const found = await (await client()).sessions.detachedTexts(session)
  return new Map(found.map((text) => [text.id, text]))
}

function speed(text: string): number {
  const value = Number(text)
  if (!(value > 0 && value <= 1000)) throw new InvalidArgumentError('expected a number above 0')
  return value
}
