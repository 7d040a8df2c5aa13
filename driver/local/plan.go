package local

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"drey/driver"
)

// plan is what is fixed for the life of a cluster.
type plan struct {
	Runtime  string  `json:"runtime"`
	RESTPort int     `json:"restPort"`
	RPCPort  int     `json:"rpcPort"`
	BlobPort int     `json:"blobPort"`
	Jar      string  `json:"jar"`
	Files    string  `json:"files"`
	Tasks    int     `json:"taskManagers"`
	Memory   int64   `json:"memory"`
	CPU      float64 `json:"cpu"`
	State    string  `json:"state,omitempty"`
	Mark     mark    `json:"mark,omitempty"`
}

func (p *plan) rest() string { return "http://127.0.0.1:" + strconv.Itoa(p.RESTPort) }

func planPath(dir string) string { return filepath.Join(dir, "cluster.json") }

func readPlan(dir string) (*plan, error) {
	var p plan
	body, err := os.ReadFile(planPath(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, driver.ErrNoCluster
	}
	if err != nil {
		return nil, err
	}
	return &p, json.Unmarshal(body, &p)
}

// takePorts chooses free ports. They stay the cluster's, so that TaskManagers find a restarted JobManager.
func (p *plan) takePorts() error {
	for _, port := range []*int{&p.RESTPort, &p.RPCPort, &p.BlobPort} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer l.Close()
		*port = l.Addr().(*net.TCPAddr).Port
	}
	return nil
}

func uploads(dir string) string { return filepath.Join(dir, "upload", "flink-web-upload") }
