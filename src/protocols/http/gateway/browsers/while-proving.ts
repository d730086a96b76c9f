import type { BrowserHost } from '../../../../gateway/browser-host.ts'

/**
 * Work for a browser that may last: a WebSocket, an event stream, a download. Its page need not ask for anything meanwhile by which its person's identity would be
 * proven again, so that is done here, as by a page that looks for news by itself: the sign-in ends no later for it (`web.idle`), and the session with it.
 */
export async function whileProving(
  work: Promise<void>,
  host: Pick<BrowserHost, 'visitor'>,
  cookies: string | undefined,
): Promise<void> {
  // Whoever is refused is signed out by that, or by the end of the last proof; either ends the session.
  const timer = setInterval(() => void host.visitor(cookies, false).catch(() => {}), PROVE_EVERY_MS)
  timer.unref()
  try {
    await work
  } finally {
    clearInterval(timer)
  }
}

/** Well within the minute that a proof outlives `reverifyEvery`. */
export const PROVE_EVERY_MS = 10_000
