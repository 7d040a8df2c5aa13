package local

import "embed"

// trainings are the jobs that class archives are made with, by the generation of Flink's API.
//
//go:embed training
var trainings embed.FS
