import { openFaultWorld } from '/work/main/tests/faults/world.ts'
import { boundFiles } from '/work/main/tests/faults/stores.ts'
import { spawnSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
await using world = await openFaultWorld(22500)
const pid = world.pid('postgres')
console.log(pid, readFileSync(`/proc/${pid}/cmdline`,'utf8').replaceAll('\0',' ').slice(0,200))
boundFiles(pid, 1)
for (const p of [pid, ...readdirSync('/proc').filter(n=>/^\d+$/.test(n)).filter(n=>{try{return readFileSync(`/proc/${n}/stat`,'utf8').split(') ')[1].split(' ')[1]===String(pid)}catch{return false}})]) console.log(p, readFileSync(`/proc/${p}/limits`,'utf8').split('\n').find(l=>l.includes('file size')))
console.log(spawnSync('prlimit',['--pid',String(pid),'--fsize=1:'],{encoding:'utf8'}))
try { console.log(await world.product.setPolicy('version: 1\nrules: []\n')) } catch (e) { console.log('refused', e.message) }
console.log(readFileSync(world.product.logsDir+'/postgres.log','utf8').split('\n').slice(-8).join('\n'))
