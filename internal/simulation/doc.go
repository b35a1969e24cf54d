// Package simulation plays shop days in virtual time: the whole bot as [app.Run] wires
// it, as one to three replicas on one SQLite file, against the stateful fakes of WeCom,
// Meituan/Dianping and Douyin, in a bubble of testing/synctest, where time passes only when
// nothing is left to do. A seed decides what people do and what goes wrong. The judges
// read the platforms' ledgers and the users' screens, and never our database, but to count
// its rows.
//
// docs/simulation.md tells how to read a violation, replay it, and add to it.
package simulation
