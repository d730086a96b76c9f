import type { Io } from './io.ts'

/**
 * Does the work, with a spinner on a terminal for as long as it takes. Notes go above the spinner; at the end, at a second Ctrl-C,
 * and while the program is stopped, nothing of it is left and the cursor is shown.
 */
export async function whileWaiting<T>(io: Io, text: string, work: () => Promise<T>): Promise<T> {
  if (!io.showsProgress) return work()
  const { default: ora } = await import('ora')
  // What is typed meanwhile is for the program that runs next.
  const spinner = ora({ text, stream: process.stderr, color: false, isEnabled: true, discardStdin: false })
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
    return await work()
  } finally {
    process.removeListener('exit', stop)
    process.removeListener('SIGTSTP', suspend)
    process.removeListener('SIGCONT', resume)
    stop()
  }
}
