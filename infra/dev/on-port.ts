import { isFree, rememberPort, storePort } from './ports.ts'
import { StartError, type Supervised } from './process.ts'

/** Starts a server on its port; where another program was quicker to take that port, on another one. */
export async function onPort(
  dataDir: string,
  name: string,
  usual: number,
  start: (port: number) => Promise<Supervised>,
): Promise<{ process: Supervised; port: number }> {
  for (let attempt = 1; ; attempt++) {
    const port = await storePort(dataDir, name, usual)
    try {
      const process = await start(port)
      rememberPort(dataDir, name, port)
      return { process, port }
    } catch (error) {
      if (attempt === 5 || !(error instanceof StartError) || (await isFree(port))) throw error
    }
  }
}
