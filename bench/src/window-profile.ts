/** A processor profile of part of a process's life, as `node --cpu-prof` writes of all of it. */

import { writeFile } from 'node:fs/promises'
import { Session } from 'node:inspector/promises'

const SAMPLE_MICROS = 200

/** Between `start` and `write`. */
export class WindowProfile {
  readonly #session: Session

  private constructor(session: Session) {
    this.#session = session
  }

  static async start(): Promise<WindowProfile> {
    const session = new Session()
    session.connect()
    await session.post('Profiler.enable')
    await session.post('Profiler.setSamplingInterval', { interval: SAMPLE_MICROS })
    await session.post('Profiler.start')
    return new WindowProfile(session)
  }

  async write(file: string): Promise<void> {
    const { profile } = await this.#session.post('Profiler.stop')
    this.#session.disconnect()
    await writeFile(file, JSON.stringify(profile))
  }
}
