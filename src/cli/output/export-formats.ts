import { asciicast } from '../../recording/asciicast.ts'
import { har } from '../../recording/har.ts'
import type { ReadEvent } from '../../recording/read.ts'
import { describeEvent } from '../../recording/timeline.ts'
import { VERSION } from '../../shared/version.ts'
import { visibleJson } from '../../shared/visible.ts'

/** Turns events into the text of a file, piece by piece. */
export type ExportFormat = (events: AsyncIterable<ReadEvent>) => AsyncGenerator<string, void, undefined>

/** One event per line; bytes of a terminal as base64 in `data`. */
async function* jsonl(events: AsyncIterable<ReadEvent>): AsyncGenerator<string, void, undefined> {
  for await (const { event, data } of events)
    yield `${visibleJson(JSON.stringify(data === undefined ? event : { ...event, data: data.toString('base64') }))}\n`
}

async function* text(events: AsyncIterable<ReadEvent>): AsyncGenerator<string, void, undefined> {
  for await (const { event, data } of events) for (const line of describeEvent(event, data)) yield `${line}\n`
}

async function* cast(events: AsyncIterable<ReadEvent>): AsyncGenerator<string, void, undefined> {
  for await (const lines of asciicast(events)) yield visibleJson(lines)
}

/** One file that needs nothing else, and runs no script. */
async function* html(events: AsyncIterable<ReadEvent>): AsyncGenerator<string, void, undefined> {
  yield HEAD
  for await (const { event, data } of events) {
    const lines = describeEvent(event, data).map(escapeHtml).join('\n')
    if (lines === '') continue
    const kind = event.type === 'command' ? `command ${event.verdict}` : event.type
    yield `<pre class="${kind}" id="e${event.seq}"><a href="#e${event.seq}">${event.seq}</a> <time>${event.at}</time>\n${lines}</pre>\n`
  }
  yield '</main></body></html>\n'
}

async function* archive(events: AsyncIterable<ReadEvent>): AsyncGenerator<string, void, undefined> {
  for await (const piece of har(events, { name: 'pamctl', version: VERSION })) yield visibleJson(piece)
}

const escapeHtml = (line: string): string =>
  line.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')

const HEAD = `<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width"><title>Session</title><style>
:root { color-scheme: light dark } body { font: 14px/1.5 system-ui; margin: 0 } main { max-width: 80rem; margin: auto; padding: 1rem }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; padding: .3rem .6rem; border-left: 4px solid transparent }
pre.command { border-color: #888 } pre.deny { border-color: #c33 } pre.hold, pre.approval { border-color: #c90 }
pre.opened, pre.ended { font-weight: bold } a, time { color: #777; text-decoration: none; font-size: 12px } pre:target { background: #fc03 }
</style></head><body><main>
`

export const exportFormats = { cast, jsonl, text, html, har: archive } as const satisfies Record<string, ExportFormat>
