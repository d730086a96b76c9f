import type { Io } from './io.ts'

/**
 * Does the work, with a spinner on a terminal that shows for how long it takes. The work can say what else it waits for now. Notes go above the spinner; at the end, at a second Ctrl-C,
 * and while the program is stopped, nothing of it is left and the cursor is shown.
 */
export async function whileWaiting<T>(
  io: Io,
  text: string,
  work: (show: (text: string) => void) => Promise<T>,
  stream: NodeJS.WriteStream = process.stderr,
): Promise<T> {
  if (!io.showsProgress) return work(() => {})
  const { default: ora } = await import('ora')
  // What is typed meanwhile is for the program that runs next.
  const began = performance.now()
  const spinner = ora({
    text,
    suffixText: () => elapsed(performance.now() - began),
    stream,
    color: false,
    isEnabled: true,
    discardStdin: false,
  })
  const { frames, interval } = spinner.spinner
  spinner.spinner = {
    frames: frames.map((frame) => io.style.cyan(frame)),
    ...(interval === undefined ? {} : { interval }),
  }
  const stop = (): void => void spinner.stop()
  const suspend = (): void => {
    stop()
    process.kill(process.pid, 'SIGSTOP')
  }
  const resume = (): void => void spinner.start()
  process.on('exit', stop)
  process.on('SIGTSTP', suspend)
  process.on('SIGCONT', resume)
  try {
    spinner.start()
    return await work((now) => {
      spinner.text = now
    })
  } finally {
    process.removeListener('exit', stop)
    process.removeListener('SIGTSTP', suspend)
    process.removeListener('SIGCONT', resume)
    stop()
  }
}

/** `(8s)`, `(1m 05s)`, `(2h 07m)`; nothing in the first second. */
export function elapsed(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000)
  const [minutes, hours] = [Math.floor(seconds / 60), Math.floor(seconds / 3600)]
  if (seconds < 1) return ''
  if (minutes < 1) return `(${seconds}s)`
  if (hours < 1) return `(${minutes}m ${String(seconds % 60).padStart(2, '0')}s)`
  return `(${hours}h ${String(minutes % 60).padStart(2, '0')}m)`
}
