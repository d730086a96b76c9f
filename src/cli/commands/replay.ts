import { InvalidArgumentError, Option } from 'commander'
import { durationOption, jsonOption, type AddCommand } from '../command.ts'
import type { CliContext } from '../context.ts'
import type { DetachedText } from '../../api/schemas/recording.ts'
import { digestOfDetached } from '../../recording/detached.ts'
import type { CommandEvent } from '../../recording/event.ts'
import type { ReadEvent } from '../../recording/read.ts'
import { describeEvent } from '../../recording/timeline.ts'
import { playTerminal } from '../output/player.ts'
import { identityOption, readEvents, watchedEvents } from '../record-source.ts'
import { RecordFilter } from '../record-filter.ts'
import { RecordView, type RecordViewOptions, type Shown } from '../record-view.ts'
import { pauses } from '../output/pauses.ts'

interface ReplayOptions extends RecordViewOptions {
  readonly speed?: number
  readonly maxIdle?: number
  readonly watch?: boolean
  readonly json?: boolean
  readonly identity?: string
  readonly withTexts?: boolean
}

/** `pamctl replay ID|FILE`: what happened in a session. */
export const replay: AddCommand = (program, run) => {
  program
    .command('replay <session-or-file>')
    .description('show what happened in a session, or play back its terminal')
    .option('--refused', 'only what was denied, or held and not approved (files: what failed)')
    .option('--held', 'only what was held for approval')
    .option(
      '--writes',
      'only what writes or may write: SQL that is not known to read only, HTTP and Kubernetes requests that change something, commands and transfers that write files (SSH)',
    )
    .option('--contains <text>', 'only what contains this text in a statement, parameter, command, request or path')
    .option('--all', 'include queries by which a client looks up definitions for itself')
    .option('--full', 'show long texts in full')
    .option('-w, --watch', 'follow a live session: what has happened, then what happens')
    .addOption(new Option('--speed <factor>', 'playback speed; 1 is real time').argParser(speed).conflicts('watch'))
    .addOption(durationOption('--max-idle <duration>', 'wait no longer than this between events', 'PAMCTL_MAX_IDLE'))
    .option('--with-texts', 'include detached texts, the originals of commands that could not be parsed (auditors)')
    .addOption(identityOption())
    .addOption(jsonOption())
    .action(run(showRecord))
}

async function showRecord(context: CliContext, source: string, options: ReplayOptions): Promise<void> {
  const { io } = context
  const found = options.withTexts === true ? await (await context.client()).sessions.detachedTexts(source) : []
  const texts = new Map(found.map((text) => [text.id, originalFrom(text)]))
  const searched = { ...options, originalOf: ({ apart }: CommandEvent) => originalOf(apart, texts) }
  const read = (): AsyncGenerator<ReadEvent> => readEvents(context, source, { ...options, purpose: 'viewed' })
  const events = options.watch === true ? watchedEvents(context, source, read) : read()
  const wait =
    options.watch === true ? () => Promise.resolve() : pauses({ speed: options.speed, maxIdle: options.maxIdle })
  const view = new RecordView(searched, io.resultStyle)
  const filter = new RecordFilter(searched)
  const plays =
    options.json !== true && options.watch !== true && filter.isEmpty && io.interactive && io.stdoutIsTerminal
  const print = (shown: readonly Shown[]): void => {
    for (const { lines, event } of shown) {
      lines.forEach((line) => io.printStyled(line))
      const reference = event?.type === 'command' ? event.apart : undefined
      if (event === undefined || reference === undefined || !texts.has(reference.id)) continue
      const { problem = 'it does not match the recorded digest' } = texts.get(reference.id) ?? {}
      const text = originalOf(reference, texts) ?? `(the stored text cannot be used: ${problem})`
      for (const line of describeEvent({ ...event, type: 'notice', message: text })) io.print(line)
    }
  }
  for await (const { event, data } of events) {
    if (event.type === 'terminal' && plays) {
      print(view.end())
      // Awaited here: to leave the loop closes the events that are still to be played.
      await playTerminal({ event, data }, events, {
        speed: options.speed ?? 1,
        maxIdle: options.maxIdle,
        again: read,
      })
      return
    }
    await wait(event.ms)
    if (options.json !== true) print(view.push({ event, data }))
    else
      for (const shown of filter.push({ event, data }))
        io.jsonLine({
          value: shown.data === undefined ? shown.event : { ...shown.event, data: shown.data.toString('base64') },
        })
  }
  print(view.end())
  for (const { id, problem } of found)
    if (problem !== undefined)
      context.io.note(`a detached text${id === '' ? '' : ` (${id})`} cannot be read: ${problem} in its file`)
  const unsearched = filter.unsearched + view.unsearched
  if (unsearched > 0)
    io.note(
      `${unsearched === 1 ? '1 command has a detached text, which was' : `${unsearched} commands have detached texts, which were`} not searched${options.withTexts === true ? '' : ' (auditors: --with-texts)'}`,
    )
}

interface Original {
  readonly text: string
  readonly sha256: string
  readonly problem?: string
}

const originalFrom = ({ salt, text, problem }: DetachedText): Original => ({
  text,
  sha256: digestOfDetached({ salt, text }),
  ...(problem === undefined ? {} : { problem }),
})

/** The record verifies without the text, so the text is held against the digest that is recorded, not one that comes with it. */
function originalOf(reference: CommandEvent['apart'], texts: ReadonlyMap<string, Original>): string | undefined {
  const found = reference && texts.get(reference.id)
  return found?.sha256 === reference?.sha256 ? found?.text : undefined
}

function speed(text: string): number {
  const value = Number(text)
  if (!(value > 0 && value <= 1000)) throw new InvalidArgumentError('expected a number above 0')
  return value
}
