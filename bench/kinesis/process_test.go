package main

import (
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestAServerIsNotStartedWhereAnotherAnswers(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	cmd := exec.Command("sleep", "60")
	s, err := start(t.Context(), "Drey", other.Addr().String(), filepath.Join(t.TempDir(), "log"), cmd)
	if err == nil || !strings.Contains(err.Error(), "taken") || cmd.Process != nil {
		t.Errorf("got %v, %v", s, err)
	}
}

func TestAServerThatEndsAtOnceShowsWhatItSaid(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free.Close()
	_, err = start(t.Context(), "Drey", free.Addr().String(), filepath.Join(t.TempDir(), "log"), exec.Command("sh", "-c", "echo no disk; exit 3"))
	if err == nil || !strings.Contains(err.Error(), "no disk") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("got %v", err)
	}
}
